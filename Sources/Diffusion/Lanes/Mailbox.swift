import Foundation

/// A queue between threads that may wait: those of the engine and its lanes, never the cooperative pool's.
///
/// `@unchecked Sendable`: everything is read and written under the condition's lock.
final class Mailbox<Letter: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var letters: [Letter] = []
    private var writers: Int
    private var isDiscarded = false

    /// - Parameter writers: How many will close it.
    init(writers: Int = 1) {
        self.writers = writers
    }

    func put(_ letter: Letter) {
        condition.withLock { if !isDiscarded { letters.append(letter) } }
        condition.signal()
    }

    /// A writer will put nothing more in.
    func close() {
        condition.withLock { writers -= 1 }
        condition.broadcast()
    }

    /// Throws away what is in it and what will be put in.
    func discard() {
        condition.withLock {
            isDiscarded = true
            letters = []
        }
    }

    /// The oldest letter, once there is one; `nil` when the mailbox is empty and all writers have closed it.
    func next() -> Letter? {
        condition.withLock {
            while letters.isEmpty {
                guard writers > 0 else { return nil }
                condition.wait()
            }
            return letters.removeFirst()
        }
    }
}
