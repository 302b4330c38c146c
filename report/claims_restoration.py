"""Claims of the study's Sections 3.2 and 3.3 about the zoom, its training and its restorations.

What each rule computes is in `report.rules_restoration`.
"""

from report import rules_restoration as rules
from report.claims import Claim
from report.claims_ddpm import ALL_EPOCHS
from report.evidence import FEWEST

CLAIMS = [
    Claim(
        id="bimodal",
        section="3.2, Fig. 8",
        text="Most central pixels are black or white.",
        rule="More than half lie in the lowest or highest tenth of the range.",
        fails="Otherwise.",
        change="Another data set: the count is exact.",
        measure=rules.bimodal,
    ),
    Claim(
        id="informative",
        section="3.2",
        text="The central patch holds information from which a digit can be restored.",
        rule=(
            "Digits restored from it are read right more often than the best blind guess; what is enough, "
            "the study leaves open."
        ),
        fails="They are read right less often.",
        change="More test images, longer training, or another training seed.",
        measure=rules.informative,
        models=("zoom",),
        min_epochs=None,
    ),
    Claim(
        id="loss-falling",
        section="3.3, Fig. 9",
        text="Both losses still fall at the end, so that more epochs would help without over-training.",
        rule=(
            "In both splits the rank correlation of loss and epoch in the second half is at most −0.5, on at "
            f"least {FEWEST} epochs, and lower than chance gives in one case of 40."
        ),
        fails="In one of the splits it is 0 or more.",
        change="A longer run that levels off, or another training seed.",
        measure=rules.loss_falling,
        models=("zoom",),
        min_epochs=ALL_EPOCHS,
    ),
    Claim(
        id="train-above-test",
        section="3.3, Fig. 9",
        text="In the first epochs the training loss lies above the test loss.",
        rule="In each of the first three epochs.",
        fails="In none of them.",
        change="Another training seed, if a gap is small.",
        measure=rules.train_above_test,
        models=("zoom",),
        min_epochs=3,
    ),
    Claim(
        id="error-grows",
        section="3.3, Fig. 10",
        text="Restoration is good at low zoom and gets worse with it.",
        rule="Error and level have a rank correlation of at least 0.9; the last error is thrice the first.",
        fails="The correlation is below 0.5, or the last error no larger than the first.",
        change="A restorer that fails at all levels, such as one hardly trained.",
        measure=rules.error_grows,
        models=("zoom",),
        min_epochs=1,
    ),
    Claim(
        id="struggles",
        section="3.3, Fig. 11",
        text="From the last zoom level the original is often not restored.",
        rule="Restored digits are read right less than nine tenths as often as the originals.",
        fails="They are read right more often than that.",
        change="More test images, longer training, or another training seed.",
        measure=rules.struggles,
        models=("zoom",),
        min_epochs=None,
    ),
    Claim(
        id="five-as-zero",
        section="3.3",
        text="A restored 5 often looks like a 0.",
        rule="More than one in ten, and more than of the other digits but 0, by the 95% interval.",
        fails="Fewer than either.",
        change="More test images, longer training, or another training seed.",
        measure=rules.read_as_zero(5, "five_as_zero"),
        models=("zoom",),
        min_epochs=None,
        digits=True,
    ),
    Claim(
        id="seven-as-zero",
        section="3.3, Fig. 11",
        text="A 7 is restored as a 0.",
        rule=(
            "More than one in ten, and more than of the other digits but 0, by the 95% interval: a caption "
            "shows one case, we ask whether it is typical."
        ),
        fails="Fewer than either.",
        change="More test images, longer training, or another training seed.",
        measure=rules.read_as_zero(7, "seven_as_zero"),
        models=("zoom",),
        min_epochs=None,
        digits=True,
    ),
    Claim(
        id="dark-centre",
        section="3.3",
        text="A dark centre is preferably restored as 0 or 9.",
        rule="Such images are restored as 0 and as 9 more often than they are these digits.",
        fails="As one of the two less often.",
        change="More test images, longer training, or another training seed.",
        measure=rules.dark_centre,
        models=("zoom",),
        min_epochs=None,
        digits=True,
    ),
]
