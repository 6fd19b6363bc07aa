package import Foundation

/// A program of this host that does what this one leaves to others.
package struct InstalledProgram: Sendable {
    package let url: URL

    /// Finds a program as a shell would.
    ///
    /// - Parameters:
    ///   - name: What it is called.
    ///   - package: The Debian package that it comes with.
    /// - Throws: ``CoordinatorError/program(name:problem:)`` when it is not installed.
    package init(_ name: String, package: String) throws(CoordinatorError) {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(
            separator: ":")
        let paths = folders.map { URL(filePath: String($0)).appending(path: name) }
        guard let url = paths.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
            throw .program(name: name, problem: "is not installed; install the package \(package)")
        }
        self.url = url
    }

    /// A program at a known place.
    init(url: URL) {
        self.url = url
    }
}
