"""Streamlet (Chan and Shi, "Streamlet: Textbook Streamlined Blockchains", AFT 2020), in sixty lines.

Time is cut into epochs, and each has a leader. The leader proposes a block on top of the longest notarised chain that
it knows; everybody votes for the first such proposal of the epoch. A block with a quorum of votes is *notarised*. Where
three blocks in a row were notarised in three epochs in a row, the one in the middle is final, and all below it.

A proposal brings the votes that notarised the block below, so whoever has missed them, or the blocks (`Ancestry` asks
for those), catches up by itself.
"""

from netsim.protocol import (
    ANCESTRY,
    GENESIS,
    Ancestry,
    Branching,
    Certificate,
    Missing,
    Parameter,
    ProposalMessage,
    VoteMessage,
)


class Proposal(ProposalMessage, frozen=True, tag=16):
    votes: Certificate  # the quorum that notarised the block below


class Vote(VoteMessage, frozen=True, tag=17):
    """Its author has seen no other proposal in this epoch, and no longer chain than the one that this one extends."""


class Streamlet(Branching):
    """Streamlet: propose, vote, and three notarised blocks in a row"""

    messages = (Proposal, Vote, Missing)
    parameters = (Parameter("block_interval", "duration", "250 ms", "an epoch: twice the longest delay", minimum=1),)

    def __init__(self, context, chain, mempool, parameters):
        super().__init__(context, chain, mempool, parameters)
        self.epoch_ns = parameters["block_interval"]
        self.proposals, self.votes, self.epochs = {}, {}, {GENESIS.id: 0}  # by block; the votes by signer
        self.notarised, self.tip = {GENESIS.id}, GENESIS  # the tip of the longest notarised chain
        self.ancestry = Ancestry(context, chain, parameters["timeout"], self.accept)

    def start(self):
        self.epoch = self.context.now // self.epoch_ns
        self.context.set_timer("epoch", self.epoch_ns - self.context.now % self.epoch_ns)
        while data := self.context.restore(f"{len(self.proposals)}"):  # after a crash
            self.accept(self.context.me, Proposal.decoded(data))

    def leader_of(self, epoch):
        return self.context.validators[epoch % len(self.context.validators)]

    def on_timer(self, name):
        if name == ANCESTRY:
            self.ancestry.on_timer()
            return
        self.start()
        if (me := self.context.me) == self.leader_of(self.epoch):
            votes = Certificate.of(self.votes.get(self.tip.id, {}), self.q)
            proposal = Proposal(me, b"", self.new_block(self.tip), self.epoch, votes).signed(self.context.sign)
            self.context.broadcast(proposal)
            self.context.proposed(proposal.block)
            self.accept(me, proposal)

    def on_message(self, sender, message):
        if isinstance(message, Missing):
            self.ancestry.answer(sender, message, self.proposals.get)
        elif isinstance(message, Proposal):
            self.ancestry.receive(sender, message)
        else:
            self.count(message.block, [(message.signer, message.signature)])

    def accept(self, sender, proposal):
        block, epoch, parent = proposal.block, proposal.round, self.chain.get(proposal.block.parent)
        below = Vote(0, b"", self.epochs[parent.id], parent.id)
        proven = parent is GENESIS or proposal.votes.proves(below, self.q, self.context)
        led = below.round < epoch and proposal.signer == self.leader_of(epoch)
        if proven and led and block.id not in self.proposals:
            first = epoch > max(self.epochs.values())  # so it has not voted in this epoch
            self.context.persist(f"{len(self.proposals)}", proposal.encoded)  # before anything is said of it
            self.chain.remember(block)
            self.proposals[block.id], self.epochs[block.id] = proposal, epoch
            self.count(parent.id, proposal.votes)
            longest = self.acceptable(block) and parent.height >= self.tip.height
            if first and longest and epoch == self.epoch and self.context.me in self.context.validators:
                vote = Vote(self.context.me, b"", epoch, block.id).signed(self.context.sign)
                self.context.broadcast(vote)
                self.on_message(sender, vote)
            self.count(block.id, [])  # its votes may have come before it

    def count(self, block, votes):
        self.votes.setdefault(block, {}).update(votes)
        if len(self.votes[block]) >= self.q and block in self.proposals and block not in self.notarised:
            self.notarised.add(block)
            top = self.proposals[block].block
            self.tip = max(self.tip, top, key=lambda block: block.height)
            middle, epoch = self.chain.get(top.parent), self.epochs[block]
            if self.epochs[middle.id] == epoch - 1 and self.epochs.get(middle.parent) == epoch - 2:
                self.make_final(middle)


class FirstTry(Streamlet):
    """What we thought at first: a majority is enough"""

    @staticmethod
    def quorum(validators, parameters):
        return validators // 2 + 1
