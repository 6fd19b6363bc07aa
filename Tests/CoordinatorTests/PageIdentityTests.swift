import Foundation
import Testing

@testable import Coordinator

@Suite("The certificate of the pages")
struct PageIdentityTests {
    private let temporary = TemporaryDirectory()
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func load(_ hosts: Set<String>, days: Double = 0) throws -> String {
        try FileManager.default.createDirectory(at: temporary.directory.url, withIntermediateDirectories: true)
        return try PageIdentity.load(temporary.directory, hosts: hosts, now: now + days * 86_400).fingerprint
    }

    @Test("it is kept over restarts, and made anew when it ends soon or the host has another address")
    func lifetime() throws {
        let first = try load(["10.0.0.5", "lab", "fe80::1"])
        #expect(first.wholeMatch(of: /([0-9A-F]{2}:){31}[0-9A-F]{2}/) != nil)
        #expect(try load(["10.0.0.5", "LAB"]) == first)
        #expect(try load(["10.0.0.5"], days: 360) == first)
        let moved = try load(["10.0.0.6"])
        #expect(moved != first)
        #expect(try load(["10.0.0.6"], days: 370) != moved)
        let mode = try FileManager.default.attributesOfItem(atPath: temporary.directory.webIdentity.path)
        #expect(mode[.posixPermissions] as? Int == 0o600)
    }

    @Test("a file that others may read, and one that holds something else, are refused with what to do")
    func damaged() throws {
        _ = try load(["lab"])
        let path = temporary.directory.webIdentity.path
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        #expect(throws: CoordinatorError.exposedSecret(path: path)) { _ = try load(["lab"]) }
        try Data("nothing".utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(throws: CoordinatorError.badSecret(path: path)) { _ = try load(["lab"]) }
    }

    @Test("one's own certificate is read from PEM files, and files that do not fit are named")
    func own() throws {
        let fingerprint = try load(["lab"])
        let path = temporary.directory.webIdentity.path
        let own = try PageIdentity(certificate: path, key: path)
        #expect(own.fingerprint == fingerprint)
        _ = try own.serverContext()
        #expect(throws: CoordinatorError.self) { _ = try PageIdentity(certificate: "/nothing", key: path) }
        let other = temporary.directory.url.appending(path: "other.pem")
        try FileManager.default.moveItem(at: temporary.directory.webIdentity, to: other)
        _ = try load(["lab"])
        #expect(
            throws: CoordinatorError.option(
                name: "--web-key", value: other.path, wanted: "the private key that belongs to \(path)")
        ) { _ = try PageIdentity(certificate: path, key: other.path) }
    }
}
