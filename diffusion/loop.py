"""The training loop: steps, epochs, checkpoints."""

import math
import time
from collections.abc import Callable, Sequence

import torch
from accelerate import Accelerator
from torch import Tensor

from diffusion import devices
from diffusion.network import CHANNELS, Reconstructor
from diffusion.process import DegradationProcess
from diffusion.progress import Progress
from diffusion.randomness import generator
from diffusion.runs import RunError, RunFolder


class TrainingLoop:
    """The epochs of one run, with all that a resume needs: network, optimiser, position and history.

    Args:
        folder: where states, weights and history go.
        about: what the weights files say of themselves; holds "model" and "fingerprint".
        rate: learning rate as a function of the step, counted from 0 over all epochs.
        channels: of the network's blocks.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        process: DegradationProcess,
        folder: RunFolder,
        x_train: Tensor,
        x_test: Tensor,
        batch_size: int,
        seed: int,
        precision: str,
        about: dict[str, str],
        rate: Callable[[int], float],
        channels: Sequence[int] = CHANNELS,
    ):
        self.about, self.rate = about, rate
        self.accelerator, self.process, self.folder = accelerator, process, folder
        self.device, self.precision, self.seed, self.batch_size = (
            accelerator.device,
            precision,
            seed,
            batch_size,
        )
        self.x_train, self.x_test = x_train.to(self.device), x_test.to(self.device)
        self.steps_per_epoch = math.ceil(len(x_train) / batch_size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator(seed, "network").initial_seed())
            network = Reconstructor(channels)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)  # the rate is set in every step
        self.network, self.optimizer = accelerator.prepare(network, optimizer)
        self.part = slice(accelerator.process_index, None, accelerator.num_processes)
        self.history: list[dict] = []
        self.step = 0  # steps done in the epoch under way
        self.losses = torch.zeros(self.steps_per_epoch, device=self.device)
        self.seconds = 0.0  # spent on the epoch under way

    def run(self, epochs: int, checkpoint_steps: int) -> None:
        self._restore()
        while len(self.history) < epochs:
            self._epoch(len(self.history) + 1, epochs, checkpoint_steps)

    def _epoch(self, epoch: int, epochs: int, checkpoint_steps: int) -> None:
        order = torch.randperm(len(self.x_train), generator=generator(self.seed, "order", epoch)).to(
            self.device
        )
        begun = time.monotonic() - self.seconds
        title = f"{self.about['model']}: epoch {epoch}/{epochs}"
        self.network.train()
        with Progress(title, self.steps_per_epoch, enabled=self.accelerator.is_main_process) as progress:
            progress.advance(self.step)
            while self.step < self.steps_per_epoch:
                batch = order[self.step * self.batch_size : (self.step + 1) * self.batch_size]
                self._step(epoch, self.x_train[batch])
                if progress.due():
                    progress.advance(loss=self._mean_loss())
                else:
                    progress.advance()
                if self.step % checkpoint_steps == 0 and self.step < self.steps_per_epoch:
                    self._mean_loss()
                    self.seconds = time.monotonic() - begun
                    self._save()
        line = {"epoch": epoch, "train_loss": self._mean_loss(), "test_loss": self._test_loss()}
        line["seconds"] = round(time.monotonic() - begun, 3)
        self.history.append(line)
        self.step, self.seconds = 0, 0.0
        if self.accelerator.is_main_process:
            # Weights before the state that claims them, so that a kill in between repeats work rather than
            # losing it.
            self.folder.save_weights(epoch, self.accelerator.unwrap_model(self.network), self.about)
            self._save()
            self.folder.write_history(self.history)
            print(
                f"{title}: train loss {line['train_loss']:.5f}, test loss {line['test_loss']:.5f}, "
                f"{line['seconds']:.0f} s",
                flush=True,
            )

    def _step(self, epoch: int, x: Tensor) -> None:
        number = (epoch - 1) * self.steps_per_epoch + self.step
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(number)
        loss = self._share(x, generator(self.seed, "noise", number))
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.optimizer.step()
        self.losses[self.step] = self.accelerator.reduce(loss.detach(), "mean")
        self.step += 1

    def _share(self, x: Tensor, noise: torch.Generator) -> Tensor:
        """This process's share of the loss, scaled so that the mean over processes is the batch's mean."""
        with devices.autocast(self.device, self.precision):
            loss = self.process.loss(self.network, x, noise, self.part)
        return loss * (len(x[self.part]) * self.accelerator.num_processes / len(x))

    def _mean_loss(self) -> float:
        """Mean over the epoch's steps so far; raises RunError if one was not finite."""
        losses = self.losses[: self.step].double().cpu()
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            number = len(self.history) * self.steps_per_epoch + int(bad[0]) + 1
            states = self.folder.states()
            last = states[0] if states else "the start"
            raise RunError(
                f"the loss became {losses[bad[0]].item()} in step {number}; nothing was overwritten, the "
                f"last good state is {last}: lower learning_rate, or use precision fp32"
            )
        return losses.mean().item()

    @torch.inference_mode()
    def _test_loss(self) -> float:
        """Mean loss over the test images, at time steps and noise that are the same in every epoch."""
        self.network.eval()
        total = 0.0
        for i, x in enumerate(self.x_test.split(self.batch_size)):
            loss = self._share(x, generator(self.seed, "test", i))
            total += self.accelerator.reduce(loss, "mean").item() * len(x)
        return total / len(self.x_test)

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            state = {
                "network": self.accelerator.unwrap_model(self.network).state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history,
                "step": self.step,
                "losses": self.losses.cpu(),
                "seconds": self.seconds,
                "fingerprint": self.about["fingerprint"],
            }
            self.folder.save_state(len(self.history) * self.steps_per_epoch + self.step, state)

    def _restore(self) -> None:
        state = self.folder.load_state()
        if state is None:
            return
        lost = [e for e in range(1, len(state["history"]) + 1) if not self.folder.has_weights(e)]
        if lost:  # no state leads back to them, but the same seeds do
            print(f"weights of epoch {lost[0]} are lost; {self.folder.path} starts over", flush=True)
            self.folder.drop_states()
            return
        self.accelerator.unwrap_model(self.network).load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.step, self.seconds = state["history"], state["step"], state["seconds"]
        self.losses = state["losses"].to(self.device)
        if self.accelerator.is_main_process:
            self.folder.write_history(self.history)
