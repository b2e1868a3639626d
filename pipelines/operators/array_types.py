"""Names for values whose libraries have no types that a checker could read.

Why: a signature that says ``Any`` does not say whether it gives an array, a tensor or anything else.
"""

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""An array of NumPy or CuPy, which have no type in common."""
Tensor: TypeAlias = Any
"""A tensor of TensorFlow, which comes without types."""
