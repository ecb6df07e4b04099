"""Mails as bytes."""
