"""Which sentences and documents of a corpus are not worth learning from: small rules, counted one by one."""
