"""Claims of the study's Section 3.3 about the zoom model's samples.

What each rule computes is in `report.rules_seeds`, `report.rules_ranking` and `report.rules_samples`.
"""

from report import rules_ranking, rules_seeds
from report import rules_samples as rules
from report.claims import BOTH_ENDS, BOTH_SEEDS, Claim

CLAIMS = [
    Claim(
        id="seeds-vary",
        section="3.3",
        text="Seeds of independent pixels reduce the bias and add variety.",
        rule=(
            "Against seeds from real patches: a lower divergence of the classes, and a higher recall and "
            "coverage, all by intervals that exclude chance, "
            f"{BOTH_SEEDS}."
        ),
        fails=(
            "The divergence is higher by both, or one of recall and coverage is lower by both and the other "
            "does not contradict it."
        ),
        change="More samples, longer training, or another training seed.",
        measure=rules_seeds.seeds_vary,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
        both_ends=True,
    ),
    Claim(
        id="seeds-no-digit",
        section="3.3",
        text="Independent pixels are poor seeds: more of the samples are no digits.",
        rule=(
            "Real patches as seeds give a smaller share of unrecognised samples, which stand in for what is "
            "no digit, by intervals that exclude chance, "
            f"{BOTH_SEEDS}."
        ),
        fails="They give a larger share, by both.",
        change="More samples, longer training, or another training seed.",
        measure=rules_seeds.seeds_no_digit,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
        both_ends=True,
    ),
    Claim(
        id="comparable",
        section="3.3, Fig. 13",
        text="Cold Zoom Diffusion and the linear DDPM reach comparable distances.",
        rule=(
            f"The intervals leave the ratio of the distances within a factor of {rules_ranking.COMPARABLE}, "
            f"{BOTH_ENDS}, under every extractor at hand."
        ),
        fails="They place it outside that factor, by both, under every extractor at hand.",
        change="More samples, longer training, another training seed, or other features.",
        measure=rules_ranking.comparable,
        models=("linear", "zoom"),
        min_epochs=None,
        sampled=True,
        both_ends=True,
        distance=True,
    ),
    Claim(
        id="cosine-best",
        section="3.3, Fig. 13",
        text="The cosine DDPM has the lowest distance of the three.",
        rule=(f"Its 95% interval lies below both others, {BOTH_ENDS}, under every extractor at hand."),
        fails="It lies above one of them, by both, under every extractor at hand.",
        change="More samples, longer training, another training seed, or other features.",
        measure=rules_ranking.cosine_best,
        models=("linear", "cosine", "zoom"),
        min_epochs=None,
        sampled=True,
        both_ends=True,
        distance=True,
    ),
    Claim(
        id="dark-centres",
        section="3.3",
        text="The zoom model's samples favour digits with a predominantly dark centre.",
        rule=(
            f"More of the samples than of real images have at least {rules.MOSTLY} of their 16 central pixels"
            f" in the lowest tenth of the range, by the 95% intervals, {BOTH_ENDS}."
        ),
        fails="Fewer have, by both.",
        change="More samples, longer training, or another training seed; another bound for a dark centre.",
        measure=rules.dark_centres,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
        both_ends=True,
    ),
    Claim(
        id="white-centres",
        section="3.3",
        text="The zoom model's samples favour digits with a completely white centre.",
        rule=(
            f"More of the samples than of real images have at least {rules.MOSTLY} of their 16 central pixels"
            f" in the highest tenth of the range, by the 95% intervals, {BOTH_ENDS}."
        ),
        fails="Fewer have, by both.",
        change="More samples, longer training, or another training seed; another bound for a white centre.",
        measure=rules.white_centres,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
        both_ends=True,
    ),
    Claim(
        id="favours",
        section="3.3, Fig. 14",
        text="The zoom model's samples favour 1, 8 and 9.",
        rule=(
            "Among the recognised samples (the study looks at its good ones) each is more frequent than "
            f"among recognised real images, by its 95% intervals, {BOTH_ENDS}."
        ),
        fails="One of them is less frequent, by both.",
        change="More samples, longer training, or another training seed.",
        measure=rules.favours,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
        both_ends=True,
        digits=True,
    ),
    Claim(
        id="lacks",
        section="3.3, Fig. 14",
        text="The digits 2, 3, 4 and 5 are missing from the zoom model's samples, or nearly so.",
        rule=(
            "Among the recognised samples (the study looks at its good ones) each has less than a fifth of "
            f"its share among recognised real images, by its 95% intervals, {BOTH_ENDS}."
        ),
        fails="One of them has a larger share than that, by both.",
        change="More samples, longer training, or another training seed.",
        measure=rules.lacks,
        models=("zoom",),
        min_epochs=None,
        sampled=True,
        both_ends=True,
        digits=True,
    ),
    Claim(
        id="less-variety",
        section="3.3",
        text="The zoom model's samples vary less than those of the DDPMs.",
        rule=(
            "Its classes diverge more from the real shares than either DDPM's, and its recall and coverage "
            f"are lower, all by separate intervals, {BOTH_ENDS}. None of the three is enough alone: recall "
            "flatters scattered samples, coverage asks for fidelity as well."
        ),
        fails="One of these separates the other way, by both, and none this way.",
        change="More samples, longer training, another training seed, or a choice between the measures.",
        measure=rules.less_variety,
        models=("linear", "cosine", "zoom"),
        min_epochs=None,
        sampled=True,
        both_ends=True,
    ),
]
