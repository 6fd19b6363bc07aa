import Crypto
import Foundation
import Logging
import NIOCore
import SharedModel

/// The finished images that no coordinator has acknowledged yet, on disk, so that they outlive the worker.
///
/// One image is one file, `<cell key>.image`: a line of JSON (``SpoolEntry``), a newline, the PNG. It is written under
/// another name, synced, renamed and the directory synced, so that after a crash a file is whole or not there; what is
/// damaged all the same is dropped. Blocking: used by one thread, that of ``RenderHost``.
final class Spool {
    private static let suffix = ".image"
    private static let temporarySuffix = ".tmp"
    private static let maximumHeaderBytes = 4096
    private static let newline = UInt8(ascii: "\n")

    private let directory: String
    private let logger: Logger

    /// - Parameters:
    ///   - directory: An existing directory that no other process uses; see ``SpoolDirectory``.
    ///   - logger: Gets a line for each image that had to be dropped.
    init(directory: String, logger: Logger) {
        self.directory = directory
        self.logger = logger
    }

    /// Finds what an earlier run left; what it was still writing and what is damaged is deleted, the latter with a line
    /// in the log.
    ///
    /// - Returns: The entries in the order of their cells' keys.
    /// - Throws: ``WorkerError/spool(path:step:problem:)`` when the directory can't be read.
    func recover() throws(WorkerError) -> [SpoolEntry] {
        var entries: [SpoolEntry] = []
        for name in try Files.names(in: directory).sorted() {
            let path = "\(directory)/\(name)"
            if name.hasSuffix(Self.suffix + Self.temporarySuffix) {
                Files.remove(path)
            } else if name.hasSuffix(Self.suffix) {
                do throws(WorkerError) {
                    let (entry, _) = try load(path)
                    guard name == Self.name(of: entry.cell) else {
                        throw .damagedEntry(path: path, problem: "it belongs to another cell")
                    }
                    entries.append(entry)
                } catch {
                    logger.warning("Dropping a spooled image", metadata: ["reason": "\(error)"])
                    Files.remove(path)
                }
            }
        }
        return entries
    }

    /// Makes an image durable: it survives a power cut from here on.
    ///
    /// - Throws: ``WorkerError/spool(path:step:problem:)``; nothing is left behind then.
    func add(_ entry: SpoolEntry, png: [UInt8]) throws(WorkerError) {
        let path = path(of: entry.cell)
        let header = try Self.header(of: entry, path: path)
        try Files.replace(path, with: header + png, temporary: path + Self.temporarySuffix)
        try Files.sync(directory: directory)
    }

    /// Reads an image back.
    ///
    /// - Returns: The PNG file.
    /// - Throws: ``WorkerError/damagedEntry(path:problem:)`` unless it is exactly what the entry describes, and unless the
    ///   entry can be offered at all: it would close every connection and stand first in line on the next.
    func read(_ entry: SpoolEntry) throws(WorkerError) -> [UInt8] {
        let path = path(of: entry.cell)
        let (found, png) = try load(path)
        guard found.lease == entry.lease, found.sha256 == entry.sha256 else {
            throw .damagedEntry(path: path, problem: "another image stands in its place")
        }
        do {
            var frame = ByteBuffer()
            try frame.writeFrame(WorkerMessage.offer(entry.offer))
        } catch {
            throw .damagedEntry(path: path, problem: "it cannot be offered: \(error)")
        }
        return png
    }

    /// Forgets an image that the coordinator has answered for good.
    ///
    /// Not synced: an image that comes back after a power cut is offered once more, which does no harm.
    func remove(_ entry: SpoolEntry) {
        Files.remove(path(of: entry.cell))
    }

    private func load(_ path: String) throws(WorkerError) -> (entry: SpoolEntry, png: [UInt8]) {
        let bytes = try Files.contents(of: path, maximumBytes: Self.maximumHeaderBytes + WireLimits.imageBytes)
        guard let end = bytes.prefix(Self.maximumHeaderBytes).firstIndex(of: Self.newline),
            var entry = try? JSONDecoder().decode(SpoolEntry.self, from: Data(bytes[..<end]))
        else {
            throw .damagedEntry(path: path, problem: "its first line does not describe an image")
        }
        let png = Array(bytes[(end + 1)...])
        guard png.count == entry.bytes else {
            throw .damagedEntry(path: path, problem: "it has \(png.count) bytes instead of \(entry.bytes)")
        }
        guard Self.sha256(of: png) == entry.sha256 else {
            throw .damagedEntry(path: path, problem: "its hash is not the one that was noted")
        }
        entry.timings = entry.timings.bounded
        return (entry, png)
    }

    static func sha256(of bytes: [UInt8]) -> String {
        Hexadecimal.encode(SHA256.hash(data: bytes))
    }

    private static func header(of entry: SpoolEntry, path: String) throws(WorkerError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(entry)) + [newline]
        } catch {
            throw .spool(path: path, step: "describe", problem: "a timing is no number")
        }
    }

    private func path(of cell: CellKey) -> String {
        "\(directory)/\(Self.name(of: cell))"
    }

    private static func name(of cell: CellKey) -> String {
        cell.hex + suffix
    }

    /// Whether a directory of an earlier run holds anything worth offering.
    static func hasLeftovers(in directory: String) -> Bool {
        ((try? Files.names(in: directory)) ?? []).contains { $0.hasSuffix(suffix) }
    }
}
