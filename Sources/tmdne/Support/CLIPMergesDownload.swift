import Foundation
import SharedModel

/// Fetches what ``CLIPMerges`` describes, with the programs that every Debian has, and curl.
enum CLIPMergesDownload {
    /// Puts the file where it belongs, unless it is there.
    ///
    /// - Returns: Its path.
    /// - Throws: A sentence about the step that failed; nothing is left behind then.
    static func run(cache: String = CacheFolder.path()) throws -> String {
        if let place = CLIPMerges.installed(cache: cache) { return place }
        let place = CLIPMerges.place(cache: cache)
        let folder = URL(filePath: place).deletingLastPathComponent().path
        let work = "\(folder)/fetching-\(getpid())"
        try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: work) }

        let (archive, packed, merges) = ("\(work)/archive.tar.gz", "\(work)/merges.gz", "\(work)/merges.txt")
        try run(
            "curl", "--fail", "--silent", "--show-error", "--location", "--proto", "=https", "--max-time", "300",
            "--output", archive, CLIPMerges.archive)
        try check(archive, CLIPMerges.archiveHash, from: CLIPMerges.archive)
        try run("tar", "--extract", "--gzip", "--to-stdout", "--file", archive, CLIPMerges.member, output: packed)
        try run("gzip", "--decompress", "--stdout", packed, output: merges)
        try check(merges, CLIPMerges.hash, from: CLIPMerges.member)
        guard rename(merges, place) == 0 else {
            throw Failure(step: "moving \(merges) to \(place)", reason: String(cString: strerror(errno)).lowercased())
        }
        return place
    }

    private struct Failure: Error, CustomStringConvertible {
        let step: String
        let reason: String

        var description: String {
            "\(step) failed: \(reason); try again, or fetch CLIP's merges by hand (docs/models.md)"
        }
    }

    private static func check(_ file: String, _ hash: String, from source: String) throws {
        let found = try FileHashes().hash(of: file)
        guard found == hash else {
            throw Failure(step: "checking \(source)", reason: "its SHA-256 is \(found) instead of \(hash)")
        }
    }

    /// Runs a program, with its output going to a file if one is given.
    private static func run(_ arguments: String..., output: String? = nil) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let complaints = Pipe()
        process.standardError = complaints
        if let output {
            _ = FileManager.default.createFile(atPath: output, contents: nil)
            process.standardOutput = try FileHandle(forWritingTo: URL(filePath: output))
        } else {
            process.standardOutput = FileHandle.nullDevice
        }
        try process.run()
        let text = String(decoding: complaints.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let reason = text.split(whereSeparator: \.isNewline).last.map(String.init)
            throw Failure(step: arguments[0], reason: reason ?? "it ended with \(process.terminationStatus)")
        }
    }
}
