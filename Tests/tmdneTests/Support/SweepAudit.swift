import Coordinator
import Crypto
import Foundation
import GRDB
import PNG
import SharedModel
import Testing

/// What must hold of the directory of a finished sweep, whatever happened on the way.
struct SweepAudit {
    let directory: SweepDirectory
    let rows: [GridRow]

    init(_ sandbox: Sandbox, _ name: String) throws {
        directory = SweepDirectory(URL(filePath: sandbox.file(name)))
        rows = try SweepReader(directory).rows()
    }

    /// Keys of the cells that have an image.
    var done: Set<CellKey> { Set(rows.filter { $0.state == "done" }.map(\.cell)) }

    /// SHA-256 of each cell's image.
    var images: [CellKey: String] {
        Dictionary(rows.compactMap { row in row.sha256.map { (row.cell, $0) } }) { first, _ in first }
    }

    /// Checks that each of `cells` cells has exactly one image, and that disk, database and images tell the same.
    func expectWhole(cells: Int) throws {
        #expect(rows.allSatisfy { $0.state == "done" })
        #expect(done.count == cells)
        var files: Set<String> = []
        for row in rows {
            let path = try #require(row.image)
            let bytes = try Data(contentsOf: directory.url.appending(path: path))
            let digest = SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
            #expect(digest == row.sha256)
            #expect(path == "images/\(digest.prefix(2))/\(digest).png")
            let (image, texts) = try PNGImage.decode(Array(bytes), maximumPixels: 1 << 20)
            #expect(image.width == row.width && image.height == row.height)
            let chunk = try #require(texts.first { $0.keyword == ImageMetadata.keyword })
            #expect(try ImageMetadata(json: chunk.text).key == row.cell)
            files.insert(path)
        }
        #expect(try names(under: "images").filter { $0.hasSuffix(".png") }.count == files.count)
        #expect(try names(under: "incoming") == [])
        try expectSoundDatabase(images: cells)
    }

    /// Files below a folder of the directory, folders left out.
    func names(under folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: directory.url.appending(path: folder).path)
            .filter { $0.contains(".") }
    }

    private func expectSoundDatabase(images: Int) throws {
        var configuration = Configuration()
        configuration.readonly = true
        try DatabaseQueue(path: directory.database.path, configuration: configuration).read { db in
            let verdict = try String.fetchAll(db, sql: "PRAGMA integrity_check")
            #expect(verdict == ["ok"])
            let orphans = try Row.fetchAll(db, sql: "PRAGMA foreign_key_check")
            #expect(orphans.isEmpty)
            let stored = try Int.fetchOne(db, sql: "SELECT count(*) FROM image")
            #expect(stored == images)
            let timed = try Int.fetchOne(db, sql: "SELECT count(*) FROM timing")
            #expect(timed == images)
            let live = try Int.fetchOne(db, sql: "SELECT count(*) FROM attempt WHERE state = 'live'")
            #expect(live == 0)
        }
    }

    /// Grants of the whole sweep.
    func grants() throws -> Int {
        try count("SELECT count(*) FROM attempt")
    }

    /// Leases of a worker that the coordinator took for lost.
    func expiredLeases(of worker: String) throws -> Int {
        try count(
            """
            SELECT count(*) FROM attempt JOIN worker ON worker.id = attempt.worker
            WHERE worker.name = ? AND attempt.state = 'expired'
            """, [worker])
    }

    private func count(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        var configuration = Configuration()
        configuration.readonly = true
        return try DatabaseQueue(path: directory.database.path, configuration: configuration).read { db in
            try Int.fetchOne(db, sql: sql, arguments: arguments) ?? 0
        }
    }
}
