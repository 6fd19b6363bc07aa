import Foundation

/// Where the program keeps what it can make or fetch again.
package enum CacheFolder {
    /// `$XDG_CACHE_HOME/tmdne` or `~/.cache/tmdne`.
    package static func path(environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        // The specification has relative paths ignored.
        if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return "\(cache)/tmdne" }
        return "\(environment["HOME"] ?? NSHomeDirectory())/.cache/tmdne"
    }
}
