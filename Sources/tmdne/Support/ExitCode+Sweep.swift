import ArgumentParser

extension ExitCode {
    /// The sweep ended, but some of its cells failed.
    static let partlyFailed = ExitCode(2)
    /// Trying again is useless: wrong token, wrong version (`EX_CONFIG`).
    static let refused = ExitCode(78)
}
