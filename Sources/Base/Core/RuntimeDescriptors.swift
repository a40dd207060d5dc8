/// Makes Swift's runtime open the descriptors that its timers need; call it before descriptors may become scarce.
///
/// libdispatch opens them at the first timer and ends the process if it gets none: without this, a flood of
/// connections at the wrong moment would not be refused but fatal.
public func openRuntimeDescriptors() async {
    // Also a timer that is due at once is armed by way of epoll.
    try? await Task.sleep(for: .milliseconds(1))
}
