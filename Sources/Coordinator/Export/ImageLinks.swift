package import Foundation
import SharedModel

/// Images under names that people choose, as links into the sweep's directory.
package enum ImageLinks {
    /// Makes a link for every image, in grid order.
    ///
    /// Names that would be equal though the images differ get a number; the same image under the same name is linked
    /// once. Links of an earlier time are replaced, other files never.
    ///
    /// - Parameters:
    ///   - reader: The sweep.
    ///   - directory: Where its images are.
    ///   - folder: Made when it is missing.
    ///   - pattern: What the links are called.
    ///   - isKeptOnly: Whether images that were not kept are left out.
    /// - Returns: How many links there are.
    /// - Throws: ``CoordinatorError`` when the sweep can't be read, a link can't be made or a file is in its way.
    package static func make(
        _ reader: SweepReader, _ directory: SweepDirectory, in folder: URL, pattern: LinkPattern, isKeptOnly: Bool
    ) throws -> Int {
        let root = directory.url.resolvingSymlinksInPath()
        var shas: [String: String] = [:]
        try reader.forEachRow { row in
            guard let image = row.image, let sha256 = row.sha256, !isKeptOnly || row.verdict == "keep" else { return }
            let wanted = pattern.path(of: row, number: shas.count + 1)
            guard let path = free(wanted, for: sha256, among: shas) else { return }
            shas[path] = sha256
            try link(folder.appending(path: path), to: root.appending(path: image))
        }
        return shas.count
    }

    /// The name, or one with a number where another image has it; `nil` when this image has it already.
    private static func free(_ wanted: String, for sha256: String, among shas: [String: String]) -> String? {
        var path = wanted
        var number = 2
        while let other = shas[path] {
            if other == sha256 { return nil }
            let url = URL(filePath: wanted)
            let ending = url.pathExtension.isEmpty ? "" : ".\(url.pathExtension)"
            path = "\(wanted.dropLast(ending.count)) (\(number))\(ending)"
            number += 1
        }
        return path
    }

    private static func link(_ place: URL, to image: URL) throws {
        let manager = FileManager.default
        try DurableFile.makeDirectory(place.deletingLastPathComponent().path)
        if (try? manager.destinationOfSymbolicLink(atPath: place.path)) != nil {
            try? manager.removeItem(at: place)
        }
        do {
            try manager.createSymbolicLink(atPath: place.path, withDestinationPath: image.path)
        } catch {
            throw CoordinatorError.file(
                path: place.path, action: "Linking",
                problem: "a file of that name is in the way, or it may not be written there",
                isDiskFull: false)
        }
    }
}
