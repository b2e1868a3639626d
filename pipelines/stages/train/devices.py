"""Choose the devices of a training: every visible GPU, logical CPUs on request, else one CPU.

Why: an import of TensorFlow or CuPy succeeds without a driver, so only NVML shows
    whether there is a GPU.
Promise: counting GPUs makes no CUDA context; a process opens one strategy, once, because
    several strategies in one process confuse shared keys (tensorflow #61314).
"""

from dataclasses import dataclass
from typing import Any

from pipelines.core.errors import ConfigError
from pipelines.shared.compute.tensorflow import pinned_tensorflow
from pipelines.spec import Training


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices of one run.

    Attributes:
        kind: ``gpu`` or ``cpu``.
        replicas: Copies of the network, one on each device.
    """

    kind: str
    replicas: int

    def __str__(self) -> str:
        return f"{self.replicas} {self.kind.upper()}{'s' if self.replicas > 1 else ''}"


def choose_devices(replicas: int, gpus: int) -> Devices:
    """Choose the devices.

    Args:
        replicas: ``training.replicas``; 0 means every visible GPU, else one CPU.
        gpus: Visible GPUs.

    Raises:
        ConfigError: More replicas than GPUs on a machine with GPUs.
    """
    if gpus == 0:
        return Devices("cpu", max(replicas, 1))
    if replicas > gpus:
        raise ConfigError(
            f"training.replicas={replicas}, and {gpus} GPUs are visible. Use {gpus} or fewer, "
            f"or 0 for all of them."
        )
    return Devices("gpu", replicas or gpus)


def open_strategy(devices: Devices, seed: int, threads: int = Training().threads) -> Any:
    """Import TensorFlow, make it deterministic, and return the strategy over the devices.

    Must be called before anything else in the process runs an operation of TensorFlow.

    Args:
        devices: Devices to train on.
        seed: Seed of TensorFlow, Keras and NumPy.
        threads: CPU threads of one operation.
    """
    tf = pinned_tensorflow(threads)
    import keras

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    if devices.kind == "gpu":
        return _over_gpus(tf, devices.replicas)
    if devices.replicas == 1:
        return tf.distribute.get_strategy()
    return _over_logical_cpus(tf, devices.replicas)


def _over_gpus(tf: Any, replicas: int) -> Any:
    found = tf.config.list_physical_devices("GPU")
    if len(found) < replicas:
        raise ConfigError(
            f"NVML shows {replicas} GPUs to train on, and TensorFlow can use {len(found)}. Install "
            f"tensorflow[and-cuda], or hide the GPUs with CUDA_VISIBLE_DEVICES=-1 to use the CPU."
        )
    for gpu in found:
        # Another process (RAPIDS in the stage before) may hold part of the memory.
        tf.config.experimental.set_memory_growth(gpu, True)
    return tf.distribute.MirroredStrategy([f"GPU:{n}" for n in range(replicas)])


def _over_logical_cpus(tf: Any, replicas: int) -> Any:
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * replicas
    tf.config.set_logical_device_configuration(cpu, parts)
    # The default all-reduce fails on logical CPUs once several steps run in one function.
    return tf.distribute.MirroredStrategy(
        [f"CPU:{n}" for n in range(replicas)],
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )
