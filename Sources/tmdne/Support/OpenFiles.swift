import Foundation

/// How many files and connections this process may have open at once.
enum OpenFiles {
    /// For the database, the pages, what is read and written, and strangers who have not shown a token yet.
    private static let reserved = 128 + 1024
    /// Enough for all the workers that a coordinator takes.
    private static let most: rlim_t = 65_536
    /// A worker's connection and its upload.
    private static let eachWorker = 2

    /// Raises the limit as far as the system lets this process, and as is of use.
    ///
    /// Without that a coordinator from a shell, whose limit mostly is 1024, could take in more workers than it has files to
    /// store the images of.
    ///
    /// - Returns: The limit; `nil` when it can't be asked.
    static func raiseLimit() -> Int? {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return nil }
        var raised = limit
        raised.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, most))
        if setrlimit(resource, &raised) == 0 { limit = raised }
        return Int(clamping: limit.rlim_cur)
    }

    /// How many strangers may be there at a time, of so many files.
    static func strangers(files: Int) -> Int { max(1, files / 8) }

    /// How many workers so many files are enough for, at least one.
    static func workers(files: Int) -> Int {
        max(1, (files - min(reserved, files / 2)) / eachWorker)
    }
}
