"""The ops: arrays to arrays, with a rule per input, on NumPy alone."""

from tinygrad_edu.engine.primitives.accumulate import *
from tinygrad_edu.engine.primitives.activations import *
from tinygrad_edu.engine.primitives.convolution import *
from tinygrad_edu.engine.primitives.elementwise import *
from tinygrad_edu.engine.primitives.index import *
from tinygrad_edu.engine.primitives.linalg import *
from tinygrad_edu.engine.primitives.linear import *
from tinygrad_edu.engine.primitives.normalize import *
from tinygrad_edu.engine.primitives.pooling import *
from tinygrad_edu.engine.primitives.probability import *
from tinygrad_edu.engine.primitives.reduce import *
from tinygrad_edu.engine.primitives.rounding import *
from tinygrad_edu.engine.primitives.selection import *
from tinygrad_edu.engine.primitives.shape import *
from tinygrad_edu.engine.primitives.sliding import *
from tinygrad_edu.engine.primitives.trigonometry import *
