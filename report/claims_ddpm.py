"""Claims of the study's Section 2: the noise schedules and the two DDPMs.

What each rule computes is in `report.rules_ddpm`.
"""

from report import rules_ddpm as rules
from report.claims import BOTH_ENDS, Claim
from report.evidence import FEWEST
from report.study import STUDY

ALL_EPOCHS = STUDY["epochs"]  # for a claim about what still happens at the very end

CLAIMS = [
    Claim(
        id="ends-in-noise",
        section="2.1",
        text="By the last step the latent has come close to standard Gaussian noise, as sampling assumes.",
        rule="Either schedule leaves at most 1% of the amplitude at its last step (a bound of ours).",
        fails="Otherwise.",
        change="Another schedule, or a higher cap on the cosine schedule's variance: the curves are exact.",
        schedules=True,
        any_data=True,
        measure=rules.ends_in_noise,
    ),
    Claim(
        id="keeps-more",
        section="2.3, Fig. 1",
        text="In the intermediate steps the cosine schedule keeps more of the image.",
        rule="Its signal is the larger at every step between a tenth and nine tenths of the way.",
        fails="It is the larger at no more than half of these steps.",
        change="Nothing but another schedule: the curves are exact.",
        schedules=True,
        any_data=True,
        measure=rules.keeps_more,
    ),
    Claim(
        id="ends-agree",
        section="2.3, Fig. 1",
        text="Both schedules begin and end in nearly the same place.",
        rule="The cumulative products differ by less than 0.01 at either end.",
        fails="Otherwise.",
        change="Nothing but another schedule: the curves are exact.",
        schedules=True,
        any_data=True,
        measure=rules.ends_agree,
    ),
    Claim(
        id="linear-random",
        section="2.3, Fig. 2",
        text="At step 300 the linear schedule's latents are almost entirely random.",
        rule=f"Their mean correlation with the clean images is below {rules.MOSTLY_RANDOM}.",
        fails="Otherwise.",
        change="A weaker reading of “almost entirely random”: the threshold is ours.",
        schedules=True,
        measure=rules.linear_random,
    ),
    Claim(
        id="cosine-keeps",
        section="2.3, Fig. 2",
        text="At step 300 the cosine schedule's latents still show the image better.",
        rule="Their correlation with the clean image is larger by more than its spread over images.",
        fails="It is smaller by more than its spread over images.",
        change="Another schedule; other images or noise, if the gap were small.",
        schedules=True,
        measure=rules.cosine_keeps,
    ),
    Claim(
        id="fewer-wasted",
        section="2.3",
        text="The cosine schedule wastes fewer steps.",
        rule="It has more steps that are neither almost clean nor almost noise.",
        fails="Otherwise.",
        change="Nothing but another schedule: the curves are exact.",
        schedules=True,
        any_data=True,
        measure=rules.fewer_wasted,
    ),
    Claim(
        id="lower-loss",
        section="2.3, Fig. 3",
        text="The cosine DDPM reaches the lower loss, in training and test.",
        rule=(
            "The mean of the last ten epochs, with twice its standard error from their scatter, separates"
            " in both splits."
        ),
        fails="In one of the splits they separate the other way.",
        change="Longer training, or another training seed where the difference is small.",
        measure=rules.lower_loss,
        models=("linear", "cosine"),
        min_epochs=None,
    ),
    Claim(
        id="trains-better",
        section="2.3",
        text="The cosine DDPM learns more efficiently, as the study infers from its loss.",
        rule=(
            "On ten noise levels common to both, its test loss is lower at each, and on average by the 95% "
            "interval of the difference on the same images with the same noise."
        ),
        fails="It is lower at none, and higher on average, by that interval.",
        change="Longer training, another training seed, or other levels and weights.",
        measure=rules.trains_better,
        models=("linear", "cosine"),
        min_epochs=None,
    ),
    Claim(
        id="lower-distance",
        section="2.4, Fig. 4",
        text="The cosine DDPM ends with the lower Fréchet distance.",
        rule=(f"The 95% intervals separate, {BOTH_ENDS}, under every extractor at hand."),
        fails="They separate the other way, by both, under every extractor at hand.",
        change="More samples, longer training, another training seed, or other features.",
        measure=rules.lower_distance,
        models=("linear", "cosine"),
        min_epochs=None,
        sampled=True,
        both_ends=True,
        distance=True,
    ),
    Claim(
        id="almost-all-epochs",
        section="2.4, Fig. 4",
        text="The cosine DDPM has the lower distance at almost all epochs.",
        rule=f"At {rules.ALMOST_ALL:.0%} of at least {rules.MANY} common checkpoints.",
        fails="At more than the rest its 95% interval lies above the linear model's.",
        change="More checkpoints, another training seed, or other features.",
        measure=rules.almost_all_epochs,
        models=("linear", "cosine"),
        min_epochs=None,
        sampled=True,
        distance=True,
    ),
    Claim(
        id="still-falling",
        section="2.4",
        text="Both distances are still falling, so that longer training would pay.",
        rule=(
            "Over the second half of training the rank correlation of distance and epoch is at most −0.5 "
            f"for both, on at least {FEWEST} points, and lower than chance gives in one case of 40."
        ),
        fails="For one of them it is 0 or more.",
        change="A longer run that levels off, or another training seed.",
        measure=rules.still_falling,
        models=("linear", "cosine"),
        min_epochs=ALL_EPOCHS,
        sampled=True,
        distance=True,
    ),
    Claim(
        id="darker",
        section="2.4",
        text="The cosine DDPM's digits lie on darker backgrounds.",
        rule=(
            f"The 95% intervals of the mean grey value at the border separate, {BOTH_ENDS}, which are taken "
            "as they are seen, clamped to the range of the data."
        ),
        fails="They separate the other way, by both.",
        change="Clipping the predicted clean image while sampling, or another training seed.",
        measure=rules.darker,
        models=("linear", "cosine"),
        min_epochs=None,
        sampled=True,
        both_ends=True,
    ),
    Claim(
        id="some-not-digits",
        section="2.4",
        text="Both DDPMs now and then draw something that is no digit.",
        rule=(
            "The classifier is unsure about more of the samples than of real images, for both, "
            f"{BOTH_ENDS}; not to be recognised stands in for being no digit."
        ),
        fails="For one of them it is unsure of fewer, by both.",
        change="More samples, longer training, another training seed, or other features.",
        measure=rules.some_not_digits,
        models=("linear", "cosine"),
        min_epochs=None,
        sampled=True,
        both_ends=True,
    ),
    Claim(
        id="more-realistic",
        section="2.4",
        text="The cosine DDPM draws fewer unrealistic samples: so the study explains its distance.",
        rule=(
            "Its share of unrecognised samples, which stands in for these, is lower, by separate intervals, "
            f"{BOTH_ENDS}."
        ),
        fails="Its share is higher, by both.",
        change="More samples, longer training, another training seed, or other features.",
        measure=rules.more_realistic,
        models=("linear", "cosine"),
        min_epochs=None,
        sampled=True,
        both_ends=True,
    ),
]
