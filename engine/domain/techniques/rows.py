"""The catalogue of techniques as data: one row each, in the order in which a picker lists them.

Patterns marked with a study follow that study; the others are the usual teaching of their tradition. Cautions of
the groups A and B come before a row's own.
"""

from __future__ import annotations

from typing import Final

from engine.domain.techniques.breathing import Pattern, Source, Step, Technique

CAUTIONS_A: Final = (
    "Leave this out with high blood pressure, heart disease, an aneurysm, epilepsy, a past stroke, a hernia, an "
    "ulcer, vertigo, glaucoma or a detached retina, in pregnancy, after recent abdominal surgery, and with "
    "psychosis or bipolar disorder.",
    "With asthma, keep the inhaler at hand.",
    "Stop when you feel dizzy, and breathe as you like.",
)
CAUTIONS_B: Final = (
    "Never in or near water, and never while driving: people have drowned after fainting.",
    "Practise lying down, and only together in one room.",
    *CAUTIONS_A,
)
CAUTION_HOLDS: Final = (
    "Leave the holds out in pregnancy, with high blood pressure, or whenever holding feels like a strain."
)

SARASWATI: Final = Source("Saraswati S. S. (1969). Asana Pranayama Mudra Bandha. Bihar School of Yoga.")
CRAMER: Final = Source(
    "Cramer H., Krucoff C., Dobos G. (2013). Adverse events associated with yoga. PLoS ONE 8(10): e75515.",
    "https://doi.org/10.1371/journal.pone.0075515",
)
BALBAN: Final = Source(
    "Balban M. Y. et al. (2023). Brief structured respiration practices enhance mood and reduce physiological "
    "arousal. Cell Reports Medicine 4(1): 100895.",
    "https://doi.org/10.1016/j.xcrm.2022.100895",
)
VAN_DIEST: Final = Source(
    "Van Diest I. et al. (2014). Inhalation/exhalation ratio modulates the effect of slow breathing on heart "
    "rate variability and relaxation. Applied Psychophysiology and Biofeedback 39: 171-180.",
    "https://doi.org/10.1007/s10484-014-9253-x",
)


def _round_of_thirty() -> Pattern:
    """Thirty full breaths, a rest on empty lungs, one deep breath held: a whole round as one cycle.

    The rest is the shortest of the usual 30 to 90 s; nobody is paced into a longer one.
    """
    breath = (Step("inhale", 1000, 0.0, 1.0), Step("exhale", 1000, 1.0, 0.0))
    recovery = (
        Step("rest", 30_000, 0.0, 0.0),
        Step("inhale", 2000, 0.0, 1.0),
        Step("hold", 15_000, 1.0, 1.0),
        Step("exhale", 2000, 1.0, 0.0),
    )
    return Pattern(breath * 30 + recovery)


ROWS: Final = (
    Technique(
        name="Box Breathing",
        slug="box-breathing",
        pattern=Pattern.of(4, 4, 4, 4),
        summary="Four equal sides: in, hold, out, hold. Steady and easy to remember.",
        cautions=(CAUTION_HOLDS,),
        sources=(BALBAN,),
        aliases=("Box", "Box Breath", "Square Breathing", "Four Square Breathing", "Tactical Breathing"),
    ),
    Technique(
        name="4-7-8 Breathing",
        slug="4-7-8-breathing",
        pattern=Pattern.of(4, 7, 8),
        summary="A short inhale, a long hold, a longer exhale. Four rounds are enough.",
        rounds=(4, 8),
        cautions=(CAUTION_HOLDS, "Sit or lie down: some people feel light-headed the first times."),
        sources=(
            Source("Weil A. (2015). Breathing: the master key to self healing. Four cycles, at most eight."),
            Source(
                "Vierra J., Boonla O., Prasertsri P. (2022). Effects of sleep deprivation and 4-7-8 breathing "
                "control on heart rate variability. Physiological Reports 10(13): e15389.",
                "https://doi.org/10.14814/phy2.15389",
            ),
        ),
        aliases=("4-7-8", "478", "478 Breathing", "4-7-8 Breath", "Relaxing Breath"),
    ),
    Technique(
        name="Coherent Breathing",
        slug="coherent-breathing",
        pattern=Pattern.of(5.5, 0, 5.5, 0),
        summary="Five and a half seconds in, five and a half out, without a pause.",
        sources=(
            Source(
                "Lin I. M., Tai L. Y., Fan S. Y. (2014). Breathing at a rate of 5.5 breaths per minute with equal "
                "inhalation-to-exhalation ratio increases heart rate variability. International Journal of "
                "Psychophysiology 91(3): 206-211.",
                "https://doi.org/10.1016/j.ijpsycho.2013.12.006",
            ),
        ),
        aliases=("Coherent", "Coherence Breathing", "Heart Coherence"),
    ),
    Technique(
        name="Belly Breathing",
        slug="belly-breathing",
        pattern=Pattern.of(4, 0, 6, 0),
        summary="The belly rises on the inhale and sinks on the exhale; the chest stays quiet.",
        sources=(
            Source(
                "Ma X. et al. (2017). The effect of diaphragmatic breathing on attention, negative affect and "
                "stress in healthy adults. Frontiers in Psychology 8: 874.",
                "https://doi.org/10.3389/fpsyg.2017.00874",
            ),
        ),
        aliases=("Belly", "Belly Breath", "Diaphragmatic Breathing", "Abdominal Breathing", "Deep Breathing"),
    ),
    Technique(
        name="Alternate Nostril",
        slug="alternate-nostril",
        pattern=Pattern.of(4, 0, 8, 0),
        summary="In through one side of the nose, out through the other, changing after each inhale.",
        cautions=("With a blocked nose, breathe as you like and follow the rhythm only.",),
        sources=(SARASWATI,),
        aliases=("Alternate Nostril Breathing", "Nadi Shodhana", "Anulom Vilom"),
    ),
    Technique(
        name="Breath of Fire",
        slug="breath-of-fire",
        pattern=Pattern.of(0.5, 0, 0.5, 0),
        summary="Quick, even breaths through the nose, driven by the belly.",
        group="A",
        cautions=CAUTIONS_A,
        sources=(SARASWATI, CRAMER),
        aliases=("Kapalabhati", "Kapalbhati", "Skull Shining Breath", "Agni Pran"),
        gentle="Belly Breathing",
    ),
    Technique(
        name="Lion’s Breath",
        slug="lions-breath",
        pattern=Pattern.of(4, 0, 4, 0),
        summary="In through the nose; out through a wide open mouth, with a sigh.",
        cautions=("Go gently with a sore jaw, throat or neck.",),
        sources=(SARASWATI,),
        aliases=("Lions Breath", "Lion Breath", "Simhasana", "Simha Pranayama"),
    ),
    Technique(
        name="Humming Bee",
        slug="humming-bee",
        pattern=Pattern.of(4, 0, 8, 0),
        summary="Each long exhale is a soft hum that you can feel in the face.",
        cautions=("Hum softly, and leave it out with an infection of the ear.",),
        sources=(SARASWATI,),
        aliases=("Humming Bee Breath", "Humming Bee Breathing", "Bhramari", "Bee Breath"),
    ),
    Technique(
        name="Cooling Breath",
        slug="cooling-breath",
        pattern=Pattern.of(4, 0, 6, 0),
        summary="In over a rolled tongue or between the teeth, cool; out through the nose, warm.",
        cautions=("Leave it out with sensitive teeth, a cold, or asthma that cold air sets off.",),
        sources=(SARASWATI,),
        aliases=("Cooling Breathing", "Sheetali", "Sitali", "Shitali"),
    ),
    Technique(
        name="Resonance",
        slug="resonance",
        pattern=Pattern.of(4, 0, 6, 0),
        summary="Six breaths a minute, the exhale a little longer than the inhale.",
        sources=(
            Source(
                "Lehrer P. M., Vaschillo E., Vaschillo B. (2000). Resonant frequency biofeedback training to "
                "increase cardiac variability: rationale and manual for training. Applied Psychophysiology and "
                "Biofeedback 25(3): 177-191.",
                "https://doi.org/10.1023/A:1009554825745",
            ),
        ),
        aliases=("Resonance Breathing", "Resonant Breathing", "Resonance Frequency Breathing"),
    ),
    Technique(
        name="Cyclic Sighing",
        slug="cyclic-sighing",
        pattern=Pattern.of(2, 0, 6, 0, sip=1),
        summary="An inhale, a second small one on top of it, and a long sigh out.",
        sources=(BALBAN,),
        aliases=("Cyclic Sigh", "Physiological Sigh", "Physiological Sighing"),
    ),
    Technique(
        name="Equal Breathing",
        slug="equal-breathing",
        pattern=Pattern.of(4, 0, 4, 0),
        summary="As long in as out, at an easy pace.",
        sources=(SARASWATI,),
        aliases=("Equal", "Equal Breath", "Sama Vritti"),
    ),
    Technique(
        name="Extended Exhale",
        slug="extended-exhale",
        pattern=Pattern.of(4, 0, 8, 0),
        summary="The exhale takes twice as long as the inhale.",
        sources=(VAN_DIEST,),
        aliases=("Extended Exhale Breathing", "Long Exhale", "Prolonged Exhalation"),
    ),
    Technique(
        name="Pursed Lip",
        slug="pursed-lip",
        pattern=Pattern.of(2, 0, 4, 0),
        summary="In through the nose, out through pursed lips, as if cooling a spoon of soup.",
        sources=(
            Source(
                "Nield M. A. et al. (2007). Efficacy of pursed-lips breathing: a breathing pattern retraining "
                "strategy for dyspnea reduction. Journal of Cardiopulmonary Rehabilitation and Prevention 27(4): "
                "237-244."
            ),
        ),
        aliases=("Pursed Lips", "Pursed Lip Breathing", "Pursed Lips Breathing"),
    ),
    Technique(
        name="Triangle",
        slug="triangle",
        pattern=Pattern.of(4, 4, 4, 0),
        summary="Three equal sides: in, hold, out.",
        cautions=(CAUTION_HOLDS,),
        sources=(SARASWATI,),
        aliases=("Triangle Breathing", "Triangle Breath"),
    ),
    Technique(
        name="Bhastrika",
        slug="bhastrika",
        pattern=Pattern.of(1, 0, 1, 0),
        summary="Full, forceful breaths in and out, like a bellows.",
        group="A",
        cautions=CAUTIONS_A,
        sources=(SARASWATI, CRAMER),
        aliases=("Bellows Breath", "Bhastrika Pranayama"),
        gentle="Equal Breathing",
    ),
    Technique(
        name="Wim Hof",
        slug="wim-hof",
        pattern=_round_of_thirty(),
        summary="Thirty full breaths, a rest with empty lungs, one deep breath held for fifteen seconds.",
        rounds=(3, 4),
        group="B",
        cautions=CAUTIONS_B,
        sources=(
            Source(
                "Kox M. et al. (2014). Voluntary activation of the sympathetic nervous system and attenuation of "
                "the innate immune response in humans. PNAS 111(20): 7379-7384.",
                "https://doi.org/10.1073/pnas.1322174111",
            ),
            BALBAN,
        ),
        aliases=("Wim Hof Method", "Wim Hof Breathing"),
        gentle="Belly Breathing",
    ),
)
