"""The network of a pretraining as the processes of a group train it: each with its share of every batch."""

from mamebert.encoder.model import PretrainingNetwork
from mamebert.objectives import ObjectiveModule
from mamebert.objectives.data.pretraining_batch import LossDivisors, PretrainingBatch
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.training.loop import Losses
from mamebert.training.processes import Processes, gather_into

Part = tuple[PretrainingBatch, LossDivisors]


class Learner:
    """Network and objective, spread over processes."""

    def __init__(
        self, config: PretrainConfig, network: PretrainingNetwork, vocab_size: int, processes: Processes
    ) -> None:
        self.config, self.network, self.vocab_size, self.processes = config, network, vocab_size, processes
        self.spread()

    def spread(self) -> None:
        """Give every process its share; anew when other weights learn than before."""
        asking = ObjectiveModule(self.config.objective, self.network)
        self._module = self.processes.spread(asking, list(self.network.bert.encoder.layer))

    def parts(self, batch: PretrainingBatch) -> list[Part]:
        """Return the parts that processes compute side by side, and one after the other, with what all ask together."""
        num_tokens, processes = len(batch.packed.ids), self.processes.count
        rounds = -(-num_tokens // (processes * (self.config.training.micro_batch_tokens or num_tokens)))
        return [(part, batch.asked) for part in batch.parts(rounds * processes)]

    def loss(self, part: Part) -> Losses:
        """Return the losses of a part."""
        return Losses(*self._module(*part))

    def whole(self) -> PretrainingNetwork:
        """Return the network with all its weights in this process; every process has to ask for it."""
        if not self.processes.sharded:
            return self.network
        network = PretrainingNetwork(self.config.encoder, self.vocab_size, self.config.embeddings.tied)
        network.bert.compute_dtype = self.network.bert.compute_dtype
        self.config.objective.equip(network)
        gather_into(self.network, network.to(self.processes.device))
        return network
