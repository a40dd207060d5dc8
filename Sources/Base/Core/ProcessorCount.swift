internal import CLinux

/// Processors that this process may run on: its affinity's, which may be fewer than the machine has.
public func processorCount() -> Int { max(1, Int(cadenza_processor_count())) }
