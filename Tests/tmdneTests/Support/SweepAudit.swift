import Crypto
import Foundation
import GRDB
import PNG
import SharedModel
import Testing

@testable import Coordinator

/// What must hold of the directory of a finished sweep, whatever happened on the way.
struct SweepAudit {
    /// What nothing is called that was written to its end.
    private static let unfinished = [".new", ".tmp", ".part"]

    let directory: SweepDirectory
    let rows: [GridRow]
    private let sandbox: Sandbox

    init(_ sandbox: Sandbox, _ name: String) throws {
        self.sandbox = sandbox
        directory = SweepDirectory(URL(filePath: sandbox.file(name)))
        rows = try SweepReader(directory).rows()
    }

    /// Keys of the cells that have an image.
    var done: Set<CellKey> { Set(rows.filter { $0.state == "done" }.map(\.cell)) }

    /// SHA-256 of each cell's image.
    var images: [CellKey: String] {
        Dictionary(rows.compactMap { row in row.sha256.map { (row.cell, $0) } }) { first, _ in first }
    }

    /// Checks that all of a sweep is there, as ``expectWhole(cells:)`` does, and that its images are those of a run that
    /// nothing went wrong with.
    func expectWhole(_ sweep: SmallSweep) async throws {
        try await expectWhole(cells: sweep.cells)
        let images = self.images
        let different = try await Faultless.images(of: sweep).filter { images[$0.key] != $0.value }
        #expect(different.isEmpty, "these cells have other images in a run without faults")
    }

    /// Checks that each of `cells` cells has exactly one image, that disk, database, images and the acknowledgements in
    /// the workers' logs tell the same, and that neither an unfinished file nor a process is left, nor a secret in a log.
    func expectWhole(cells: Int) async throws {
        #expect(rows.allSatisfy { $0.state == "done" })
        #expect(done.count == cells)
        #expect(try names(under: "images").filter { $0.hasSuffix(".png") }.count == expectSoundImages())
        #expect(done.isSuperset(of: sandbox.acknowledged), "acknowledged, and not stored")
        try expectSoundDatabase(images: cells)
        // Who is on the way out may still remove something.
        try await sandbox.expectNobodyLeft()
        #expect(try names(under: "incoming") == [])
        #expect(try names(under: "").filter { name in Self.unfinished.contains { name.hasSuffix($0) } } == [])
        try sandbox.expectNoSecrets(of: directory)
    }

    /// Checks that every acknowledged image has its row, and its file the bytes that the row tells of: at any time.
    func expectKept(_ acknowledged: Set<CellKey>, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let lost = acknowledged.subtracting(done)
        #expect(lost.isEmpty, "acknowledged, and not stored", sourceLocation: sourceLocation)
        for row in rows where acknowledged.contains(row.cell) && row.state == "done" {
            let bytes = try contents(of: row)
            #expect(Self.digest(of: bytes) == row.sha256, sourceLocation: sourceLocation)
        }
    }

    private func contents(of row: GridRow) throws -> Data {
        try Data(contentsOf: directory.url.appending(path: #require(row.image)))
    }

    private static func digest(of bytes: Data) -> String {
        SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
    }

    /// - Returns: How many files the images are.
    private func expectSoundImages() throws -> Int {
        var files: Set<String> = []
        for row in rows {
            let bytes = try contents(of: row)
            let digest = Self.digest(of: bytes)
            #expect(digest == row.sha256)
            #expect(row.image == "images/\(digest.prefix(2))/\(digest).png")
            let (image, texts) = try PNGImage.decode(Array(bytes), maximumPixels: 1 << 20)
            #expect(image.width == row.width && image.height == row.height)
            let chunk = try #require(texts.first { $0.keyword == ImageMetadata.keyword })
            #expect(try ImageMetadata(json: chunk.text).key == row.cell)
            files.insert(digest)
        }
        return files.count
    }

    /// Checks that no worker that had its spool below `cache` left an image there, whole or not.
    func expectEmptySpools(below cache: String) throws {
        let names = try FileManager.default.subpathsOfDirectory(atPath: sandbox.file(cache))
        #expect(names.contains { $0.hasSuffix("/identity") }, "\(cache) held a spool")
        #expect(names.filter { $0.hasSuffix(".image") || $0.hasSuffix(".tmp") } == [])
    }

    /// Files below a folder of the directory, folders left out.
    func names(under folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: directory.url.appending(path: folder).path)
            .filter { $0.contains(".") }
    }

    private func expectSoundDatabase(images: Int) throws {
        // Its pages, its references, and the rules that span tables.
        #expect(try SweepReader(directory).problems() == [])
        #expect(try count("SELECT count(*) FROM image") == images)
        #expect(try count("SELECT count(*) FROM timing") == images)
        #expect(try count("SELECT count(*) FROM attempt WHERE state = 'live'") == 0)
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
