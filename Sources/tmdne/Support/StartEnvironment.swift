import Foundation

/// What libraries read from the environment when they are loaded, before any code of this program runs.
enum StartEnvironment {
    /// How long libgomp's threads, which oneDNN and the engine's loops share, spin before they sleep: about a microsecond.
    /// The threads of a quiet machine still meet without sleeping, and on a busy one a thread does not burn its time slices
    /// while it waits for another that has none. Unlimited, as is the default, a machine with as much other work took 13 s
    /// for an image instead of 0.4 s.
    private static let rounds = "1000"
    /// Swift's runtime would hold a crashed process, with its connections and locks, until another program has written down
    /// all its threads: 14 s were seen, and no end where an address limit keeps that program from getting memory, too.
    private static let backtrace = "enable=no"

    /// Starts the program again with what is missing in its environment; what a person has set stands.
    ///
    /// If starting again fails, the program goes on without.
    static func apply() {
        let spins = getenv("GOMP_SPINCOUNT") == nil && getenv("OMP_WAIT_POLICY") == nil
        let traces = getenv("SWIFT_BACKTRACE") == nil
        guard spins || traces else { return }
        if spins { setenv("GOMP_SPINCOUNT", rounds, 1) }
        if traces { setenv("SWIFT_BACKTRACE", backtrace, 1) }
        let link = "/proc/self/exe"
        // By its path, so that `ps` and `pgrep` show the program's own name and not the link's.
        if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link) {
            execv(path, CommandLine.unsafeArgv)
        }
        execv(link, CommandLine.unsafeArgv)
    }
}
