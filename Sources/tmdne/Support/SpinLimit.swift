import Foundation

/// How long libgomp's threads, which oneDNN and the engine's loops share, spin before they sleep.
enum SpinLimit {
    /// Rounds of spinning, about a microsecond: the threads of a quiet machine still meet without sleeping, and on a busy
    /// one a thread does not burn its time slices while it waits for another that has none. Unlimited, as is the
    /// default, a machine with as much other work took 13 s for an image instead of 0.4 s.
    private static let rounds = "1000"

    /// Starts the program again with the limit in its environment, unless a person has set a policy there.
    ///
    /// libgomp reads its environment when it is loaded, before any code of this program runs. If starting again fails,
    /// the program goes on without the limit.
    static func apply() {
        guard getenv("GOMP_SPINCOUNT") == nil, getenv("OMP_WAIT_POLICY") == nil else { return }
        setenv("GOMP_SPINCOUNT", rounds, 1)
        let link = "/proc/self/exe"
        // By its path, so that `ps` and `pgrep` show the program's own name and not the link's.
        if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link) {
            execv(path, CommandLine.unsafeArgv)
        }
        execv(link, CommandLine.unsafeArgv)
    }
}
