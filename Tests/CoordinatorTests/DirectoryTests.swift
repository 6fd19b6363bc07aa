import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("The directory of a sweep")
struct DirectoryTests {
    private let temporary = TemporaryDirectory()
    private var directory: SweepDirectory { temporary.directory }

    private func mode(_ url: URL) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: url.path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test("a second coordinator is refused and told who the first is")
    func lock() throws {
        try directory.create()
        #expect(try !DirectoryLock.isHeld(in: directory))
        var first: DirectoryLock? = try DirectoryLock(directory)
        #expect(try DirectoryLock.isHeld(in: directory))
        #expect {
            _ = try DirectoryLock(directory)
        } throws: { error in
            "\(error)".contains("process \(ProcessInfo.processInfo.processIdentifier) on ")
        }
        withExtendedLifetime(first) {}
        first = nil
        #expect(try !DirectoryLock.isHeld(in: directory))
        _ = try DirectoryLock(directory)
    }

    @Test("the secret is kept, and for its owner alone")
    func secret() throws {
        try directory.create()
        let secret = try SecretFile.load(directory)
        #expect(try SecretFile.load(directory) == secret)
        #expect(try mode(directory.secret) == 0o600)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: directory.secret.path)
        #expect(throws: CoordinatorError.exposedSecret(path: directory.secret.path)) { try SecretFile.load(directory) }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: directory.secret.path)
        try Data("nonsense".utf8).write(to: directory.secret)
        #expect(throws: CoordinatorError.badSecret(path: directory.secret.path)) { try SecretFile.load(directory) }
    }

    @Test("a directory that can't be made is named")
    func badDirectory() throws {
        try directory.create()
        let file = directory.url.appending(path: "file")
        try Data().write(to: file)
        #expect {
            try SweepDirectory(file.appending(path: "sub")).create()
        } throws: { error in
            "\(error)".contains(file.path)
        }
    }

    @Test("a file that can't be put in its place leaves nothing behind")
    func unreplaceable() throws {
        try directory.create()
        // A folder stands there.
        let path = directory.incoming.path
        #expect(throws: CoordinatorError.self) { try DurableFile.replace(path, with: [1], mode: 0o600) }
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    }

    @Test("a file that is no database is refused and left alone")
    func noDatabase() throws {
        try directory.create()
        let nonsense = Data(repeating: 0x41, count: 10_000)
        try nonsense.write(to: directory.database)
        #expect {
            _ = try SweepStore(path: directory.database.path)
        } throws: { error in
            if case .damagedDatabase? = error as? CoordinatorError { true } else { false }
        }
        #expect(try Data(contentsOf: directory.database) == nonsense)
    }

    @Test("a damaged database is refused")
    func damaged() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: (0..<20).map { "p\($0)" }, guidances: 20))
        await fixture.store.close()
        let path = fixture.temporary.directory.database
        var bytes = try Data(contentsOf: path)
        for page in 4..<12 {
            bytes.replaceSubrange(page * 4096..<page * 4096 + 600, with: Data(repeating: 0xEE, count: 600))
        }
        try bytes.write(to: path)
        #expect {
            _ = try SweepStore(path: path.path)
        } throws: { error in
            if case .damagedDatabase? = error as? CoordinatorError { true } else { false }
        }
    }

    @Test("a database of a newer version is refused")
    func newer() async throws {
        let fixture = try await StoreFixture()
        _ = try await fixture.query("INSERT INTO grdb_migrations VALUES ('v99')")
        await fixture.store.close()
        let path = fixture.temporary.directory.database.path
        #expect(throws: CoordinatorError.newerDatabase(path: path)) { _ = try SweepStore(path: path) }
        #expect(throws: CoordinatorError.newerDatabase(path: path)) { _ = try SweepReader(fixture.temporary.directory) }
    }

    @Test("a database whose rows are not what they were is damaged, not a riddle")
    func unreadable() async throws {
        let fixture = try await StoreFixture()
        _ = try await fixture.query("DROP TABLE grdb_migrations")
        _ = try await fixture.query("CREATE TABLE grdb_migrations (identifier TEXT)")
        _ = try await fixture.query("INSERT INTO grdb_migrations VALUES (NULL)")
        await fixture.store.close()
        let path = fixture.temporary.directory.database.path
        #expect(throws: SweepStore.unreadable(path)) { _ = try SweepStore(path: path) }
        #expect(throws: SweepStore.unreadable(path)) { _ = try SweepReader(fixture.temporary.directory) }
    }

    @Test("a directory without a sweep can't be looked at")
    func nothing() throws {
        #expect(throws: CoordinatorError.noSweep(directory: directory.url.path)) { _ = try SweepReader(directory) }
        #expect(throws: CoordinatorError.noSweep(directory: directory.url.path)) { try directory.isServed() }
    }

    @Test(
        "tokens that are gone with their folder, as when a disk is, stay known, and so they do while they can't be read"
    )
    func goneTokens() throws {
        try temporary.directory.create()
        let files = TokenFiles(temporary.directory)
        let none = try TokenRegistry(files)
        try none.reload()
        let secret = JoinSecret()
        try files.write(TokenRecord(name: "ours", secret: secret, created: Date(timeIntervalSince1970: 0)))
        let tokens = try TokenRegistry(files)
        let known = tokens.verdict(on: secret.base64URL)
        #expect(known != .unknown)
        let aside = temporary.directory.url.appending(path: "aside")
        try FileManager.default.moveItem(at: temporary.directory.tokenFolder, to: aside)
        #expect(throws: CoordinatorError.self) { try tokens.reload() }
        #expect(tokens.verdict(on: secret.base64URL) == known)
        try FileManager.default.moveItem(at: aside, to: temporary.directory.tokenFolder)
        try tokens.reload()
        #expect(tokens.verdict(on: secret.base64URL) == known)
    }

    @Test("a sweep file that was removed is put back by the next start: a rebuild needs it")
    func removedSource() async throws {
        let sweep = try await StoredSweep()
        let opened = try OpenedDirectory(sweep.directory, isEncrypted: false)
        #expect(try await opened.adopt(nil) == nil)
        await opened.close()
        #expect(try String(contentsOf: sweep.directory.source, encoding: .utf8) == StoredSweep.source)
    }

    @Test("a directory that can't be reached is called so, not full")
    func unreachable() {
        let room = DiskRoom(of: SweepDirectory(URL(filePath: "/nowhere/at/all")))
        let problem = room.problem(lowWaterBytes: 1, path: "/nowhere/at/all")
        #expect(problem?.contains("can't reach /nowhere/at/all any more (No such file or directory)") == true)
    }

    @Test("requests are taken once")
    func requests() throws {
        try directory.create()
        #expect(directory.takeRequests() == [])
        try directory.submit(.pause)
        try directory.submit(.retryFailed)
        try directory.submit(.pause)
        #expect(directory.takeRequests() == [.retryFailed, .pause])
        #expect(directory.takeRequests() == [])
    }

    @Test("failed cells are retried right away where no coordinator runs, through it where one does")
    func retry() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 1))
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.fail(key, under: 1)
        _ = try await fixture.claim(2, by: Fixtures.emmy)
        _ = try await fixture.fail(key, under: 2, by: Fixtures.emmy)
        await fixture.store.close()
        let directory = fixture.temporary.directory
        var lock: DirectoryLock? = try DirectoryLock(directory)
        #expect(try await directory.retryFailed() == nil)
        #expect(directory.takeRequests() == [.retryFailed])
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(try await directory.retryFailed() == 1)
        #expect(try SweepReader(directory).status().pending == 1)
    }
}
