import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("Rebuilding a database")
struct SweepRebuildTests {
    private func removeDatabase(of sweep: StoredSweep) throws {
        try FileManager.default.removeItem(at: sweep.directory.database)
    }

    @Test("a lost database comes back from the images, with every cell and every hash")
    func lost() async throws {
        let sweep = try await StoredSweep()
        let before = try sweep.rows()
        try removeDatabase(of: sweep)
        #expect(throws: CoordinatorError.lostDatabase(directory: sweep.directory.url.path)) {
            _ = try OpenedDirectory(sweep.directory, isEncrypted: false)
        }
        let report = try await SweepRebuild.run(sweep.directory, plan: sweep.plan)
        #expect(report == .init(sweep: "stored", cells: 6, done: 6))
        let after = try sweep.rows()
        #expect(after.map(\.sha256) == before.map(\.sha256))
        #expect(after.allSatisfy { $0.state == "done" && $0.timings == nil })
        #expect(try SweepReader(sweep.directory).status().workers.map(\.name) == ["found"])
        #expect(try String(contentsOf: sweep.directory.source, encoding: .utf8) == StoredSweep.source)
        #expect(try await SweepCheck.run(sweep.directory).findings == [])
        #expect(sweep.names(under: ".").allSatisfy { !$0.contains("rebuilt") })
    }

    @Test("an emptied database is a lost one")
    func emptied() async throws {
        let sweep = try await StoredSweep()
        try Data().write(to: sweep.directory.database)
        #expect(throws: CoordinatorError.lostDatabase(directory: sweep.directory.url.path)) {
            _ = try OpenedDirectory(sweep.directory, isEncrypted: false)
        }
        #expect(throws: CoordinatorError.noSweep(directory: sweep.directory.url.path)) {
            _ = try SweepReader(sweep.directory)
        }
        #expect(try await SweepRebuild.run(sweep.directory, plan: sweep.plan).done == 6)
    }

    @Test("a sound database is never touched")
    func soundDatabase() async throws {
        let sweep = try await StoredSweep()
        let before = try Data(contentsOf: sweep.directory.database)
        await #expect(throws: CoordinatorError.soundDatabase(path: sweep.directory.database.path)) {
            try await SweepRebuild.run(sweep.directory, plan: sweep.plan)
        }
        #expect(try Data(contentsOf: sweep.directory.database) == before)
    }

    @Test("a damaged database is kept beside the new one", arguments: [0, 20, 4096 * 3])
    func damagedDatabase(offset: Int) async throws {
        let sweep = try await StoredSweep()
        var bytes = try Data(contentsOf: sweep.directory.database)
        bytes.replaceSubrange(offset..<offset + 3000, with: Data(repeating: 0xEE, count: 3000))
        try bytes.write(to: sweep.directory.database)
        let report = try await SweepRebuild.run(sweep.directory, plan: sweep.plan)
        #expect(report.done == 6)
        let aside = try #require(report.damaged)
        #expect(try Data(contentsOf: sweep.directory.url.appending(path: aside)) == bytes)
        #expect(try await SweepCheck.run(sweep.directory).findings == [])
    }

    @Test("a database with rows that the schema forbids, with which no coordinator starts, is not called sound")
    func forbiddenRows() async throws {
        let sweep = try await StoredSweep()
        try await DatabaseQueue(path: sweep.directory.database.path).write { db in
            try db.run("PRAGMA ignore_check_constraints = ON")
            try db.run("UPDATE cell SET crashes = -1 WHERE id = 3")
        }
        #expect(throws: CoordinatorError.self) { try SweepStore(path: sweep.directory.database.path) }
        let report = try await SweepRebuild.run(sweep.directory, plan: sweep.plan)
        #expect(report.done == 6 && report.damaged != nil)
    }

    @Test("a database that was cut short is kept beside the new one")
    func truncatedDatabase() async throws {
        let sweep = try await StoredSweep()
        let bytes = try Data(contentsOf: sweep.directory.database)
        try bytes.prefix(bytes.count / 2).write(to: sweep.directory.database)
        #expect(throws: CoordinatorError.self) { try SweepStore(path: sweep.directory.database.path) }
        #expect(try await SweepRebuild.run(sweep.directory, plan: sweep.plan).done == 6)
    }

    @Test("damaged, renamed, doubled and silent images are left out and named")
    func refused() async throws {
        let sweep = try await StoredSweep()
        var bytes = try Data(contentsOf: sweep.file(0))
        bytes[bytes.count / 2] ^= 1
        let damaged = try sweep.file(0)
        try bytes.write(to: damaged)
        let renamed = sweep.directory.images.appending(path: "renamed.png")
        try FileManager.default.moveItem(at: sweep.file(1), to: renamed)
        let twin = try sweep.write(StoredSweep.image(of: sweep.granted(2), device: "twin"))
        let silent = try sweep.write(TestPNG.image(width: 64, height: 64))
        let kept = try sweep.rows()[2].sha256
        try removeDatabase(of: sweep)
        let report = try await SweepRebuild.run(sweep.directory, plan: sweep.plan)
        #expect(report.done == 4)
        let refused = Set(report.refused.map { URL(filePath: $0.path).lastPathComponent })
        #expect(refused.isSuperset(of: [damaged, renamed, silent].map(\.lastPathComponent)))
        #expect(report.refused.count == 4)
        let rows = try sweep.rows()
        #expect(rows.map(\.state) == ["pending", "pending", "done", "done", "done", "done"])
        #expect(rows[2].sha256 == kept || rows[2].sha256 == twin.deletingPathExtension().lastPathComponent)
    }

    @Test("images of cells that the sweep file shows no more come back when it shows them again")
    func hidden() async throws {
        let sweep = try await StoredSweep()
        let before = try sweep.rows()
        try removeDatabase(of: sweep)
        let edited = try StoredSweep.plan(StoredSweep.source.replacing("[one, two]", with: "[two, three]"))
        let report = try await SweepRebuild.run(sweep.directory, plan: edited)
        #expect(report == .init(sweep: "stored", cells: 6, done: 3, hidden: 3))
        #expect(try sweep.rows().map(\.sha256) == before[3...].map(\.sha256) + [nil, nil, nil])
        let adoption = try await sweep.open { try await $0.adopt(sweep.plan, directory: "DIR") }
        #expect(adoption == .edited(kept: 6))
        #expect(try sweep.rows().map(\.sha256) == before.map(\.sha256))
    }

    @Test("an image of another sweep's cell is left out")
    func otherSweep() async throws {
        let sweep = try await StoredSweep()
        try removeDatabase(of: sweep)
        let other = try StoredSweep.plan("name: other\nmodel: tiny\nprompts: [elsewhere]\nguidance: [1]\nsize: 64x64")
        let report = try await SweepRebuild.run(sweep.directory, plan: other)
        #expect(report.done == 0 && report.refused.count == 6)
        #expect(report.refused.allSatisfy { $0.reason.contains("belongs to the sweep “stored”") })
    }
}
