"""Claims of the study's Section 3.3 about the zoom model's samples.

What each rule computes is in `report.rules_samples`.
"""

from report import rules_samples as rules
from report.claims import Claim

CLAIMS = [
    Claim(
        id="seeds-vary",
        section="3.3",
        text="Seeds of independent pixels reduce the bias and add variety.",
        rule=(
            "Against seeds from real patches: a lower divergence of the classes, and a higher recall and "
            "coverage, all by separate intervals."
        ),
        fails=(
            "The divergence separates the other way, or one of recall and coverage does so and the other "
            "does not contradict it."
        ),
        change="More samples, longer training, or another training seed.",
        measure=rules.seeds_vary,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
    ),
    Claim(
        id="seeds-no-digit",
        section="3.3",
        text="Independent pixels are poor seeds: more of the samples are no digits.",
        rule=(
            "Real patches as seeds give a smaller share of unrecognised samples, which stand in for what is "
            "no digit, by separate intervals."
        ),
        fails="They give a larger share, by separate intervals.",
        change="More samples, longer training, or another training seed.",
        measure=rules.seeds_no_digit,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
    ),
    Claim(
        id="comparable",
        section="3.3, Fig. 13",
        text="Cold Zoom Diffusion and the linear DDPM reach comparable distances.",
        rule=(
            f"The intervals leave the ratio of the distances within a factor of {rules.COMPARABLE}, those of "
            "the final samples and those of the mean over the last fifth of training, under every extractor "
            "at hand."
        ),
        fails="They place it outside that factor, all of them.",
        change="More samples, longer training, another training seed, or other features.",
        measure=rules.comparable,
        models=("linear", "zoom"),
        min_epochs=None,
        sampled=True,
        distance=True,
    ),
    Claim(
        id="cosine-best",
        section="3.3, Fig. 13",
        text="The cosine DDPM has the lowest distance of the three.",
        rule=(
            "Its 95% interval lies below both others, for the final samples and for the mean over the last "
            "fifth of training, under every extractor at hand."
        ),
        fails="It lies above one of them, each time.",
        change="More samples, longer training, another training seed, or other features.",
        measure=rules.cosine_best,
        models=("linear", "cosine", "zoom"),
        min_epochs=None,
        sampled=True,
        distance=True,
    ),
    Claim(
        id="dark-centres",
        section="3.3",
        text="The zoom model's samples favour digits with a predominantly dark centre.",
        rule=(
            f"More of the samples than of real images have at least {rules.MOSTLY} of their 16 central pixels"
            " in the lowest tenth of the range, by the 95% interval."
        ),
        fails="Fewer have, by the interval.",
        change="More samples, longer training, or another training seed; another bound for a dark centre.",
        measure=rules.dark_centres,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
    ),
    Claim(
        id="white-centres",
        section="3.3",
        text="The zoom model's samples favour digits with a completely white centre.",
        rule=(
            f"More of the samples than of real images have at least {rules.MOSTLY} of their 16 central pixels"
            " in the highest tenth of the range, by the 95% interval."
        ),
        fails="Fewer have, by the interval.",
        change="More samples, longer training, or another training seed; another bound for a white centre.",
        measure=rules.white_centres,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
    ),
    Claim(
        id="favours",
        section="3.3, Fig. 14",
        text="The zoom model's samples favour 1, 8 and 9.",
        rule=(
            "Among the recognised samples (the study looks at its good ones) each is more frequent than "
            "among recognised real images, by its 95% interval."
        ),
        fails="One of them is less frequent.",
        change="More samples, longer training, or another training seed.",
        measure=rules.favours,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
        digits=True,
    ),
    Claim(
        id="lacks",
        section="3.3, Fig. 14",
        text="The digits 2, 3, 4 and 5 are missing from the zoom model's samples, or nearly so.",
        rule=(
            "Among the recognised samples (the study looks at its good ones) each has less than a fifth of "
            "its share among recognised real images, by its 95% interval."
        ),
        fails="One of them has a larger share than that.",
        change="More samples, longer training, or another training seed.",
        measure=rules.lacks,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
        digits=True,
    ),
    Claim(
        id="less-variety",
        section="3.3",
        text="The zoom model's samples vary less than those of the DDPMs.",
        rule=(
            "Its classes diverge more from the real shares than either DDPM's, and its recall and coverage "
            "are lower, all by separate intervals. None of the three is enough alone: recall flatters "
            "scattered samples, coverage asks for fidelity as well."
        ),
        fails="One of these separates the other way, and none this way.",
        change="More samples, longer training, another training seed, or a choice between the measures.",
        measure=rules.less_variety,
        models=("linear", "cosine", "zoom"),
        min_epochs=None,
        sampled=True,
    ),
]
