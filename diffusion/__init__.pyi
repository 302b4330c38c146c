# The public names, for editors and type checkers; __init__.py imports each when it is first used.
from diffusion.comparison import compare as compare
from diffusion.data import DataSet as DataSet
from diffusion.data import load as load
from diffusion.evaluation.evaluator import Evaluator as Evaluator
from diffusion.figures import grid as grid
from diffusion.pictures import images as images
from diffusion.processes import DDPM as DDPM
from diffusion.processes import ColdBlur as ColdBlur
from diffusion.processes import ColdDiffusion as ColdDiffusion
from diffusion.processes import ColdZoom as ColdZoom
from diffusion.processes import DegradationProcess as DegradationProcess
from diffusion.processes import NoiseSchedule as NoiseSchedule
from diffusion.processes import cosine as cosine
from diffusion.processes import linear as linear
from diffusion.processes.priors import Mixture as Mixture
from diffusion.processes.priors import Patches as Patches
from diffusion.processes.priors import Pixels as Pixels
from diffusion.processes.samplers import DDIM as DDIM
from diffusion.processes.samplers import Ancestral as Ancestral
from diffusion.processes.samplers import Improved as Improved
from diffusion.processes.samplers import Naive as Naive
from diffusion.training.fit import fit as fit
from diffusion.training.network import Reconstructor as Reconstructor
from diffusion.training.network import UNet as UNet
from diffusion.training.opening import open as open
from diffusion.training.opening import released as released
from diffusion.training.run import Run as Run

__version__: str
