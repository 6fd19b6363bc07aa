import NIOConcurrencyHelpers

/// The place of one image between the engine's thread and the spool's: the engine gets one image ahead, no further.
final class SpoolQueue: Sendable {
    /// The spool refused an image, so that no other needs to be rendered for it now.
    struct Broken: Error {}

    private let isFree = ConditionLock(value: true)
    private let isBroken = NIOLockedValueBox(false)

    /// Blocks the engine's thread until the image before is written.
    ///
    /// - Throws: ``Broken`` when it could not be.
    func take() throws(Broken) {
        isFree.lock(whenValue: true)
        let isBroken = isBroken.withLockedValue(\.self)
        isFree.unlock(withValue: isBroken)
        if isBroken { throw Broken() }
    }

    /// The image is written, or could not be.
    func pass(isBroken: Bool) {
        if isBroken { self.isBroken.withLockedValue { $0 = true } }
        isFree.lock()
        isFree.unlock(withValue: true)
    }
}
