"""The epochs of a run: position and history, and the states from which it goes on."""

import math
import time
from collections.abc import Mapping
from typing import Any

import torch

from diffusion.files import sha256
from diffusion.progress import progress
from diffusion.training.checkpoints import ANEW, RunError, RunFolder, weights_bytes
from diffusion.training.steps import Learner

POINTS = 1000  # of the loss by step, over the training
SHOWN, AVERAGED = 20, 100  # every so many steps a bar shows the mean loss of the last steps


class Loop:
    """The epochs of one run: position and history, and the states from which it goes on."""

    def __init__(self, store: RunFolder, learner: Learner, title: str, run: str, callback: Any = None):
        self.store, self.learner, self.title, self.run_digest = store, learner, title, run
        self.callback = callback  # called with the number of a step and its loss, after it
        self.per_epoch = math.ceil(len(learner.x) / learner.batch_size)
        self.epochs = math.ceil(learner.total / self.per_epoch)
        self.history: list[dict] = []
        self.step = 0  # steps done in the epoch under way
        self.losses = torch.zeros(self.per_epoch, device=learner.x.device)
        self.seconds = 0.0  # spent on the epoch under way

    def run(self, checkpoint_steps: int) -> None:
        """Train to the end, from the last state if there is one; RunError: weights are damaged.

        Where the last weights are lost it begins anew, and ends with the same ones.
        """
        state = self.store.load_state()
        if state and len(state["history"]) >= self.epochs and not self.store.weights(self.epochs).exists():
            print(f"{self.title}: the weights after epoch {self.epochs} are lost; trained again", flush=True)
        elif state:
            self._restore(state)
            for line in self.history:
                if self.store.weights(line["epoch"]).exists():
                    self.store.read_weights(line["epoch"], line["sha256"])
            self.store.write_history(self.history)
            if (done := len(self.history) * self.per_epoch + self.step) < self.learner.total:
                print(f"{self.title} goes on at step {done:,} of {self.learner.total:,}", flush=True)
        while len(self.history) < self.epochs:
            self._epoch(len(self.history) + 1, checkpoint_steps)

    def _epoch(self, epoch: int, checkpoint_steps: int) -> None:
        before = (epoch - 1) * self.per_epoch
        steps = min(self.per_epoch, self.learner.total - before)
        begun = time.monotonic() - self.seconds
        title = f"{self.title}: epoch {epoch}/{self.epochs}"
        bar = progress(range(self.step, steps), title, steps, self.step)
        for _, batch in zip(bar, self.learner.batches(epoch, self.step), strict=False):
            self.losses[self.step] = loss = self.learner.step(before + self.step, batch)
            self.step += 1
            if self.step % SHOWN == 0:
                recent = self.losses[max(0, self.step - AVERAGED) : self.step].mean()
                bar.set_postfix_str(f"loss {recent:.4f}", refresh=False)
            if self.callback:
                self.callback(before + self.step, loss.item())
            if self.step % checkpoint_steps == 0 and self.step < steps:
                self._mean_loss()  # refuses a loss that is not finite
                self.seconds = time.monotonic() - begun
                self._save()
        line = {"epoch": epoch, "train_loss": self._mean_loss(), "test_loss": self.learner.test_loss()}
        k = min(steps, max(1, POINTS // self.epochs))
        parts = [self.losses[steps * i // k : steps * (i + 1) // k] for i in range(k)]
        line["step"] = before + steps
        line["losses"] = [float(f"{part.mean():.6g}") for part in parts]  # of equal parts of the epoch
        line["seconds"] = round(time.monotonic() - begun, 3)
        self._refuse_not_finite(f"after epoch {epoch}", line)
        content = weights_bytes(self.learner.trained, {"run": self.run_digest, "epoch": epoch})
        self.history.append(line | {"sha256": sha256(content)})
        self.step, self.seconds = 0, 0.0
        # Weights before the state that claims them: a kill in between repeats work rather than losing it.
        self.store.write(self.store.weights(epoch), content)
        self._save()
        self.store.write_history(self.history)
        test = "" if line["test_loss"] is None else f", test loss {line['test_loss']:.5f}"
        print(f"{title}: train loss {line['train_loss']:.5f}{test}, {line['seconds']:.0f} s", flush=True)

    def _mean_loss(self) -> float:
        """Mean over the epoch's steps so far; raises RunError if one was not finite."""
        losses = self.losses[: self.step].double().cpu()
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            number = len(self.history) * self.per_epoch + int(bad[0]) + 1
            raise self._spoilt(f"the loss became {losses[bad[0]].item()} in step {number}")
        return losses.mean().item()

    def _refuse_not_finite(self, when: str, line: Mapping[str, Any]) -> None:
        """A step whose own loss is finite can still ruin the weights: such a state is no good one."""
        losses = {name: torch.tensor(value) for name, value in line.items() if isinstance(value, float)}
        for name, value in [*self.learner.network.named_parameters(), *losses.items()]:
            if not value.isfinite().all():
                raise self._spoilt(f"{name} is no longer finite {when}")

    def _spoilt(self, what: str) -> RunError:
        good = next(iter(self.store.states()), "the start")
        said = f"nothing was overwritten, the last good state is {good}"
        own = "try a degradation of your own with `python -m diffusion.check`"
        return RunError(f"{what}; {said}: lower learning_rate, use precision fp32, or {own}")

    def _save(self) -> None:
        done = len(self.history) * self.per_epoch + self.step
        self._refuse_not_finite(f"after step {done}", {})
        state = {
            "network": self.learner.network.state_dict(),
            "optimizer": self.learner.optimizer.state_dict(),
            "history": self.history,
            "step": self.step,
            "losses": self.losses.cpu(),
            "seconds": self.seconds,
            "run": self.run_digest,
        }
        if self.learner.average is not None:
            state["average"] = self.learner.average.state_dict()
        self.store.save_state(done, state)

    def _restore(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state, dict) or state.get("run") != self.run_digest:
            raise RunError(f"the state in {self.store.path} is of another run; {ANEW}")
        self.learner.network.load_state_dict(state["network"])
        self.learner.optimizer.load_state_dict(state["optimizer"])
        if self.learner.average is not None:
            self.learner.average.load_state_dict(state["average"])
        self.history, self.step, self.seconds = state["history"], state["step"], state["seconds"]
        self.losses = state["losses"].to(self.learner.x.device)
