"""What SpamAssassin says of every letter that the studio makes: ``make spam-check``."""
