import Foundation

/// Where the sweep file came from, so that what it names by relative paths is found after a restart too.
extension SweepDirectory {
    /// Longest path that is read; Linux has none longer.
    private static let longestPath = 4096

    /// `sweep.origin`: the absolute path of the sweep file as it was started last.
    var origin: URL { url.appending(path: "sweep.origin") }

    /// Keeps the path of the sweep file.
    ///
    /// - Throws: ``CoordinatorError`` when it can't be written.
    package func rememberOrigin(_ file: String) throws {
        let path = URL(filePath: file).standardizedFileURL.path
        guard path != rememberedOrigin else { return }
        try DurableFile.replace(origin.path, with: Array("\(path)\n".utf8), mode: 0o644)
    }

    /// The path of the sweep file, on the host where the sweep was started last; `nil` when it is not known.
    package var rememberedOrigin: String? {
        guard let text = try? String(contentsOf: origin, encoding: .utf8), text.utf8.count <= Self.longestPath else {
            return nil
        }
        let path = text.trimmingCharacters(in: .newlines)
        return path.hasPrefix("/") ? path : nil
    }
}
