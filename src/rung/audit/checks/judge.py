"""A judge model, whose own errors a certificate holds where people marked enough answers."""

from rung.audit.base import Found, one, skip
from rung.audit.material import Material
from rung.records import Flag

SOURCE = "our own, after Angelopoulos et al. 2023 (prediction-powered inference)"


def check(material: Material) -> Found:
    """`judge-unmeasured`: nobody marked any answer; else `judge-error`: how far people agree."""
    known = material.judge_against_people
    if known is None:
        return skip("no model judges the answers")
    if known:
        return one(
            Flag(
                id="judge-error",
                severity="warn",
                source=SOURCE,
                text="A model judges the answers. From ten answers that people marked on, scores "
                f"and certificates are of people's marks, if it errs as on those. {known}",
                advice="Let people mark answers like those that are to be certified, and enough of "
                "them: each candidate says how many would do.",
            )
        )
    return one(
        Flag(
            id="judge-unmeasured",
            severity="warn",
            source=SOURCE,
            text="A model judges the answers, and nobody marked any that this judge marked: what "
            "is certified is the judge's mark, and how far people agree with it is not known.",
            advice="Name a file of answers that people marked in [judge] labelled, and run "
            "`rung judge`.",
        )
    )
