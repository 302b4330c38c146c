# The public names, for editors and type checkers; __init__.py imports each when it is first used.
from .comparison import compare as compare
from .data import DataSet as DataSet
from .data import images as images
from .data import load as load
from .evaluation.evaluator import Evaluator as Evaluator
from .figures import grid as grid
from .processes import DDPM as DDPM
from .processes import ColdBlur as ColdBlur
from .processes import ColdCrop as ColdCrop
from .processes import ColdDiffusion as ColdDiffusion
from .processes import ColdZoom as ColdZoom
from .processes import DegradationProcess as DegradationProcess
from .processes import NoiseSchedule as NoiseSchedule
from .processes import cosine as cosine
from .processes import degradation as degradation
from .processes import linear as linear
from .processes.priors import Mixture as Mixture
from .processes.priors import Patches as Patches
from .processes.priors import Pixels as Pixels
from .processes.priors import prior as prior
from .processes.samplers import DDIM as DDIM
from .processes.samplers import Ancestral as Ancestral
from .processes.samplers import Improved as Improved
from .processes.samplers import Naive as Naive
from .processes.samplers import sampler as sampler
from .training.fit import fit as fit
from .training.network import Reconstructor as Reconstructor
from .training.network import UNet as UNet
from .training.run import Run as Run
from .training.run import open as open
from .training.run import released as released

__version__: str
