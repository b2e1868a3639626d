"""One optimiser step, and many of them in one compiled function.

Why: under a strategy ``model.fit`` clips before the reduction and weighs uneven batches wrongly,
    and its loss shows neither; Keras's Adam squares the gradients of a repeated id separately.
Promise: a step equals the same step on one device, to rounding, however the rows are divided over
    replicas and micro-batches. It reports non-finite values wherever they occur, because a fused
    kernel may hide them from the loss.
Not here: which steps (``loop.py``), the update rules (``optimizers.py``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from pipelines.stages.train.network import Network
from pipelines.stages.train.optimizers import accepts_repeated_rows

# What a step returns: its loss, and sums that are finite if all their terms are.
STEP_VALUES = ("loss", "inputs", "gradients", "weights")
FIRST_SCALE = 2.0**15
DOUBLE_AFTER = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a step is computed.

    Attributes:
        clip_norm: Global gradient norm above which a step is scaled down; 0 never does.
        micro_batches: Micro-batches that a replica's rows are divided into.
        jit: Whether XLA compiles the step (one replica) or its gradients (several).
    """

    clip_norm: float = 1.0
    micro_batches: int = 1
    jit: bool = False


class LossScale:
    """The factor that keeps float16 gradients from underflow, adapted during the run.

    Halved when a gradient overflows, whose step is skipped; doubled after 2,000 finite steps.

    Source:
        Micikevicius and others, "Mixed Precision Training", 2018, section 3.2.
    """

    def __init__(self) -> None:
        """Create it in the strategy's scope."""
        self.scale = tf.Variable(FIRST_SCALE, trainable=False, name="loss_scale")
        self.good = tf.Variable(0, dtype=tf.int64, trainable=False, name="good_steps")

    @property
    def variables(self) -> list[Any]:
        """Variables for the checkpoint."""
        return [self.scale, self.good]

    def adapt(self, good: Any) -> None:
        """Update the scale after a step, by whether its gradients were finite."""
        double = good & (self.good + 1 >= DOUBLE_AFTER)
        factor = tf.where(good, tf.where(double, 2.0, 1.0), 0.5)
        self.good.assign(tf.where(good & ~double, self.good + 1, 0))
        self.scale.assign(tf.maximum(self.scale * factor, 1.0))


def merged(gradient: Any) -> tf.Tensor | tf.IndexedSlices:
    """Merge an embedding gradient to one row for each id; return other gradients unchanged.

    Repeated ids make Keras's Adam wrong, the norm too small, and scatter updates not reproducible.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, segment = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, segment, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def gradients_of(network: Network, recipe: Recipe) -> Callable[..., Any]:
    """A function of one replica's block and a step: its part of the loss, and its gradients.

    The loss and the sum of the inputs are one tensor ``(2,)``.
    """
    model, head = network.model, network.head
    values = [v.value for v in model.trainable_variables]

    def part(inputs: Any, y: Any, weight: Any, total: Any, scale: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = tf.cast(model(inputs, training=True), tf.float32)
            each = head.loss(outputs, y)
            loss = tf.math.divide_no_nan(tf.reduce_sum(each * weight), total)
            scaled = loss * scale
        values_of_part = tf.stack([loss, _sum_of(inputs)])
        return values_of_part, tape.gradient(scaled, values)

    def gradients(inputs: Any, y: Any, weight: Any, total: Any, scale: Any, step: Any) -> Any:
        rows, done = y.shape[1] // recipe.micro_batches, None
        for m in range(recipe.micro_batches):
            here = slice(m * rows, (m + 1) * rows)
            # One after another: in parallel they would need the memory of the whole batch.
            with tf.control_dependencies(_tensors(done)):
                cut = tf.nest.map_structure(lambda a, h=here: a[step][h], (inputs, y, weight))
                inputs_here, y_here, weight_here = cut
                found = part(inputs_here, y_here, weight_here, total[step], scale)
            done = _added(done, found)
        return done

    return gradients


def _sum_of(inputs: Any) -> tf.Tensor:
    """The sum of all values: one pass, and non-finite if any of them is."""
    sums = [tf.reduce_sum(v) for v in inputs.values() if v.dtype.is_floating]
    return tf.add_n([tf.cast(each, tf.float32) for each in sums] or [tf.constant(0.0)])


def _tensors(done: Any) -> list[Any]:
    """Tensors to compute before the next micro-batch starts."""
    if done is None:
        return []
    loss, found = done
    return [loss, *(g.values if isinstance(g, tf.IndexedSlices) else g for g in found)]


def _added(done: Any, found: Any) -> Any:
    """Add loss and gradients of a micro-batch; ids stay separate until ``merged``."""
    if done is None:
        return found
    return done[0] + found[0], [_sum(a, b) for a, b in zip(done[1], found[1], strict=True)]


def _sum(one: Any, other: Any) -> tf.Tensor | tf.IndexedSlices:
    if not isinstance(one, tf.IndexedSlices):
        return one + other
    values = tf.concat([one.values, other.values], 0)
    return tf.IndexedSlices(values, tf.concat([one.indices, other.indices], 0), one.dense_shape)


def _compiled_by_replica(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled by XLA, separately in each replica.

    A shared trace, like a compilation of the whole step, would access variables of another device.
    """

    def here(*args: Any) -> Any:
        return tf.function(function, jit_compile=True)(*args)

    return here


class Stepper:
    """Steps of a network; call them outside of its strategy's scope.

    Inside the scope Keras expects a replica context to merge the update from.
    """

    def __init__(
        self, network: Network, recipe: Recipe, loss_scale: LossScale | None = None
    ) -> None:
        """Nothing is traced until the first call."""
        self._strategy, self._optimizer = network.strategy, network.optimizer
        self._variables = network.model.trainable_variables
        self._clip_norm, self._loss_scale = recipe.clip_norm, loss_scale
        # Merging hashes every id, and only a norm or an optimiser needs it.
        self._unmerged = [
            not recipe.clip_norm and accepts_repeated_rows(self._optimizer, v)
            for v in self._variables
        ]
        self._gradients, self._step = gradients_of(network, recipe), self._one_step
        if recipe.jit and network.strategy.num_replicas_in_sync == 1:
            self._step = tf.function(self._one_step, jit_compile=True)
        elif recipe.jit:
            self._gradients = _compiled_by_replica(self._gradients)

    @tf.function
    def steps(
        self, inputs: Any, y: Any, weight: Any, total: Any, first: Any, count: Any
    ) -> Any:
        """Steps of a block: their values (``STEP_VALUES``), ``(count, 4)``, and which were taken.

        Args:
            inputs: The block's rows of each replica.
            y: Labels.
            weight: Weights of the rows.
            total: Their sum over replicas, ``(block_steps,)``.
            first: First step, a tensor, because each Python value would be traced anew.
            count: Number of steps, a tensor.

        A step whose gradients overflow in float16 is skipped: it is not taken.
        """
        values = tf.TensorArray(tf.float32, size=count, element_shape=(len(STEP_VALUES),))
        taken = tf.TensorArray(tf.bool, size=count)
        for n in tf.range(count):
            each, good = self._step(inputs, y, weight, total, first + n)
            values, taken = values.write(n, each), taken.write(n, good)
        return values.stack(), taken.stack()

    def _one_step(self, inputs: Any, y: Any, weight: Any, total: Any, step: Any) -> Any:
        scale = tf.constant(1.0)
        if self._loss_scale is not None:
            scale = self._loss_scale.scale.read_value()
        run, reduce = self._strategy.run, self._strategy.reduce
        values, found = run(self._gradients, args=(inputs, y, weight, total, scale, step))
        values = reduce("SUM", values, axis=None)
        found = [reduce("SUM", g, axis=None) for g in found]
        pairs = zip(found, self._unmerged, strict=True)
        found = [g if unmerged else merged(g) for g, unmerged in pairs]
        if self._loss_scale is None:
            norm = tf.linalg.global_norm(found)
            good = self._update(found, norm)
            return self._step_values(values, norm, found), good
        found = [tf.math.scalar_mul(1.0 / scale, g) for g in found]
        norm = tf.linalg.global_norm(found)
        good = tf.math.is_finite(norm) & tf.math.is_finite(values[0])
        tf.cond(good, lambda: self._update(found, norm), lambda: tf.constant(value=False))
        self._loss_scale.adapt(good)
        # At the smallest scale it is not an overflow, and the loss must stop the run.
        return self._step_values(values, norm, found), good | (scale <= 1.0)

    def _update(self, found: Any, norm: Any) -> tf.Tensor:
        if self._clip_norm:
            found, _ = tf.clip_by_global_norm(found, self._clip_norm, use_norm=norm)
        # Outside of the replicas, so that the optimiser does not reduce a second time.
        self._optimizer.apply(found, self._variables)
        return tf.constant(value=True)

    def _step_values(self, values: Any, norm: Any, found: Any) -> tf.Tensor:
        """Loss, inputs, gradients and the weights after the step, ``(4,)``.

        A non-finite row of an embedding table that is used shows in the gradients; whole tables, which
        may be larger than all other weights, are checked after each epoch.
        """
        pairs = zip(self._variables, found, strict=True)
        dense = [v.value for v, g in pairs if not isinstance(g, tf.IndexedSlices)]
        weights = tf.add_n([0.0, *(tf.cast(tf.nn.l2_loss(v), tf.float32) for v in dense)])
        return tf.concat([values, [tf.cast(norm, tf.float32), weights]], 0)


def compiled_rows(network: Network) -> Callable[..., Any]:
    """A function ``(inputs, y, first) -> (losses, scores)`` of one step's rows, without training.

    Without an event to rank by, scores are the losses.
    """
    model, head = network.model, network.head

    def rows(inputs: Any, y: Any, step: Any) -> Any:
        here = tf.nest.map_structure(lambda a: a[step], inputs)
        outputs = tf.cast(model(here, training=False), tf.float32)
        each = head.loss(outputs, y[step])
        return each, head.score(outputs) if head.score else each

    @tf.function
    def evaluated(inputs: Any, y: Any, step: Any) -> Any:
        return network.strategy.run(rows, args=(inputs, y, step))

    return evaluated
