import Foundation

/// Which threads of this process wait for which.
package enum EngineThread {
    /// Enough for an engine's thread that wakes to push another off its core at once, and little enough for the others to
    /// get a tenth of a core that inference never leaves.
    private static let step: Int32 = 10

    /// Puts every other thread of this process behind the calling one, whose own threads will be its equals.
    ///
    /// An operation of the networks ends with the slower of the engine's threads: a core that is taken from one of them
    /// for a moment holds up all. What sends images and writes them can wait for that moment.
    package static func takePrecedence() {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        takePrecedence(over: threads.compactMap(Int32.init))
    }

    /// Puts threads of this process behind the calling one.
    static func takePrecedence(over threads: [Int32]) {
        let own = gettid()
        let nice = min(getpriority(PRIO_PROCESS, id_t(own)) + step, 19)
        for thread in threads where thread != own {
            // Fails for a thread that has just ended.
            _ = setpriority(PRIO_PROCESS, id_t(thread), nice)
        }
    }
}
