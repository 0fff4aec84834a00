"""What real clients get from the cluster: delivery, transactions, groups, codecs and limits."""
