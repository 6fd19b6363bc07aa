import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("Checking a sweep")
struct SweepCheckTests {
    @Test("a sound sweep has no findings, and looking changes nothing")
    func sound() async throws {
        let sweep = try await StoredSweep()
        let before = try sweep.rows()
        let report = try await SweepCheck.run(sweep.directory)
        #expect(report.findings == [])
        #expect(report.images == 6 && report.silent == 0 && report.bytes > 6 * 100)
        #expect(try await SweepCheck.run(sweep.directory, isRepairing: true).findings == [])
        #expect(try sweep.rows() == before)
    }

    @Test("a flipped byte is found wherever it is, set aside, and its cell is rendered again")
    func flippedByte() async throws {
        let sweep = try await StoredSweep()
        for (position, percent) in [(0, 0), (1, 10), (2, 50), (4, 100)] {
            var bytes = try Data(contentsOf: sweep.file(position))
            bytes[(bytes.count - 1) * percent / 100] ^= 0x10
            try bytes.write(to: sweep.file(position))
        }
        let found = try await SweepCheck.run(sweep.directory)
        #expect(found.findings.map(\.kind) == [.damaged, .damaged, .damaged, .damaged])
        #expect(found.findings.allSatisfy { $0.worker == "ada" })
        #expect(!found.isSettled)
        #expect(try sweep.rows().allSatisfy { $0.state == "done" }, "looking changes nothing")

        let repaired = try await SweepCheck.run(sweep.directory, isRepairing: true)
        #expect(repaired.isSettled && repaired.findings.count == 4)
        let rows = try sweep.rows()
        #expect(rows.map(\.state) == ["pending", "pending", "pending", "done", "pending", "done"])
        #expect(sweep.names(under: "set-aside").count == 4)
        #expect(try await SweepCheck.run(sweep.directory).findings == [])
        try await sweep.open { store in
            #expect(try await store.isUnfinished())
            try store.verify()
        }
    }

    @Test("an image that is gone is missing, and one of another cell is damaged")
    func wrongFiles() async throws {
        let sweep = try await StoredSweep()
        try FileManager.default.removeItem(at: sweep.file(0))
        // Equal pixels, a whole file with its proper name: only its metadata tells that it is another cell's.
        let foreign = try StoredSweep.image(of: sweep.granted(2), device: "other")
        let file = try sweep.write(foreign)
        let row = try sweep.rows()[1]
        try await sweep.open { store in
            try await store.committer.perform { db in
                try db.run("DELETE FROM image WHERE sha256 = ?", [row.sha256])
                try db.run(
                    """
                    INSERT INTO image (cell, sha256, bytes, attempt, late, stored_at)
                    SELECT id, ?, ?, (SELECT attempt FROM attempt_cell WHERE cell = cell.id), 0, '' FROM cell WHERE key = ?
                    """, [file.deletingPathExtension().lastPathComponent, foreign.count, row.cell.hex])
            }
        }
        let report = try await SweepCheck.run(sweep.directory)
        #expect(report.findings.map(\.kind).sorted { "\($0)" < "\($1)" } == [.damaged, .missing, .unknown])
        let damaged = try #require(report.findings.first { $0.kind == .damaged })
        #expect(damaged.problem.contains("says that it is the image of cell"))
        #expect(try await SweepCheck.run(sweep.directory, isRepairing: true).isSettled)
        let rows = try sweep.rows()
        #expect(rows[0].state == "pending")
        #expect(rows[1].state == "done", "the unknown file is the image that the cell had")
        #expect(rows[1].sha256 == row.sha256)
    }

    @Test("a file that nobody knows is set aside, one that is young is left to a coordinator that runs")
    func unknownFiles() async throws {
        let sweep = try await StoredSweep()
        try sweep.write(StoredSweep.image(of: sweep.granted(0), device: "twin"))
        try Data("hello".utf8).write(to: sweep.directory.images.appending(path: "notes.txt"))
        var lock: DirectoryLock? = try DirectoryLock(sweep.directory)
        #expect(try await SweepCheck.run(sweep.directory).findings == [])
        let later = Date(timeIntervalSinceNow: 3600)
        #expect(try await SweepCheck.run(sweep.directory, now: later).findings.map(\.kind) == [.unknown, .unknown])
        await #expect(throws: CoordinatorError.isServed(directory: sweep.directory.url.path)) {
            try await SweepCheck.run(sweep.directory, isRepairing: true)
        }
        lock?.markClean()
        lock = nil
        let report = try await SweepCheck.run(sweep.directory, isRepairing: true)
        #expect(report.findings.map(\.kind) == [.unknown, .unknown] && report.isSettled)
        #expect(sweep.names(under: "set-aside").count == 2)
        #expect(sweep.names(under: "images").count == 6)
    }

    @Test("what is set aside replaces nothing that was set aside before, and links are set aside as they are")
    func setAside() async throws {
        let sweep = try await StoredSweep()
        for folder in ["a", "b"] {
            let url = sweep.directory.images.appending(path: folder)
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            try Data(folder.utf8).write(to: url.appending(path: "x.png"))
        }
        let image = try sweep.file(0)
        let elsewhere = sweep.directory.url.appending(path: "elsewhere.png")
        try FileManager.default.moveItem(at: image, to: elsewhere)
        try FileManager.default.createSymbolicLink(at: image, withDestinationURL: elsewhere)
        let report = try await SweepCheck.run(sweep.directory, isRepairing: true)
        #expect(
            report.isSettled
                && report.findings.map(\.kind).sorted { "\($0)" < "\($1)" } == [.damaged, .unknown, .unknown])
        let kept = try ["x.png", "2-x.png"].map { name in
            try String(contentsOf: sweep.directory.setAside.appending(path: name), encoding: .utf8)
        }
        #expect(kept.sorted() == ["a", "b"])
        #expect(try await SweepCheck.run(sweep.directory).findings == [])
    }

    @Test("images on another disk, behind a link, are looked at as those in place")
    func linkedImages() async throws {
        let sweep = try await StoredSweep()
        let elsewhere = sweep.directory.url.appending(path: "elsewhere")
        try FileManager.default.moveItem(at: sweep.directory.images, to: elsewhere)
        try FileManager.default.createSymbolicLink(at: sweep.directory.images, withDestinationURL: elsewhere)
        try Data().write(to: elsewhere.appending(path: "stray"))
        #expect(try await SweepCheck.run(sweep.directory).findings.map(\.kind) == [.unknown])
        try FileManager.default.removeItem(at: sweep.directory.database)
        #expect(throws: CoordinatorError.lostDatabase(directory: sweep.directory.url.path)) {
            _ = try OpenedDirectory(sweep.directory, isEncrypted: false)
        }
        #expect(try await SweepRebuild.run(sweep.directory, plan: sweep.plan).done == 6)
    }

    @Test("images that an older copy of the database has forgotten are given back to their cells")
    func olderDatabase() async throws {
        let sweep = try await StoredSweep()
        let rows = try sweep.rows()
        try await sweep.open { store in
            for row in rows.prefix(4) {
                try await store.forgetImage(of: row.cell, sha256: #require(row.sha256), because: "was restored")
            }
        }
        let report = try await SweepCheck.run(sweep.directory, isRepairing: true)
        #expect(report.findings.map(\.kind) == [.unknown, .unknown, .unknown, .unknown] && report.isSettled)
        #expect(try sweep.rows().map(\.sha256) == rows.map(\.sha256))
        #expect(try sweep.rows()[0].worker == "found")
        #expect(sweep.names(under: "set-aside") == [])
        try await sweep.open { try $0.verify() }
    }

    @Test("a database that contradicts itself is found, and named as what a check can't mend")
    func contradiction() async throws {
        let sweep = try await StoredSweep()
        try await sweep.open { store in
            _ = try await store.committer.perform { db in try db.run("UPDATE worker SET done = done + 1") }
        }
        let report = try await SweepCheck.run(sweep.directory, isRepairing: true)
        #expect(report.findings.map(\.kind) == [.database])
        #expect(!report.isSettled)
    }
}
