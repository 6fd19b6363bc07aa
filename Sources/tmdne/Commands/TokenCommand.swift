import ArgumentParser
import Coordinator
import Foundation
import SharedModel

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes, lists and revokes the join tokens of a sweep.",
        discussion: """
            A running coordinator takes them up at once. The token “default” is the one that it prints itself; after \
            that one was revoked, the next start makes a new one. Only hashes of the tokens are kept: a token is shown \
            when it is made, and never again.
            """,
        subcommands: [NewTokenCommand.self, ListTokensCommand.self, RevokeTokenCommand.self])
}

struct NewTokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Makes a join token and prints the line that joins a worker with it.")

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Option(help: "What to call it; token-1, token-2 and so on unless given.")
    var name: String?

    @Option(help: "How long it lets new workers in, as in 30m, 24h or 7d; for good unless given.")
    var expires: Lifetime?

    @Option(help: "How many workers it lets in; any number unless given. One that comes back does not count again.")
    var uses: Int?

    @Option(help: "Address and port to name in it; where the coordinator listened last unless given.")
    var host: ListenAddress?

    func validate() throws {
        do {
            _ = try TokenRecord(name: name ?? "token", secret: JoinSecret(), created: Date(), uses: uses)
        } catch {
            throw ValidationError("\(error)")
        }
        guard let host else { return }
        guard host.port != 0, !["", "0.0.0.0", "::"].contains(host.host) else {
            throw ValidationError("--host needs the address and the port at which workers find the coordinator.")
        }
    }

    func run() throws {
        let made = try directory.sweep.makeToken(
            name: name, expires: expires.map { Date(timeIntervalSinceNow: $0.seconds) }, uses: uses,
            address: host.map { ([$0.host], $0.port) })
        Console.note("The token “\(made.record.name)” holds a secret and is shown this once:")
        Console.print("tmdne worker \(made.token.text)")
    }
}

struct ListTokensCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the tokens, how many workers each let in, and which have ended.")

    private struct Row: Encodable {
        var name: String
        var created: String
        var expires: String?
        var uses: Int?
        var joined: Int
        var state: String
    }

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    func run() throws {
        let now = Date()
        let rows = try directory.sweep.tokens().map { token in
            Row(
                name: token.record.name, created: token.record.created.formatted(.iso8601),
                expires: token.record.expires?.formatted(.iso8601),
                uses: token.record.uses, joined: token.joined,
                state: token.record.state(joined: token.joined, at: now).rawValue)
        }
        if json { return try Console.print(json: rows) }
        for row in rows {
            let limit = row.uses.map { " of \($0)" } ?? ""
            let end = row.expires.map { ", until \($0)" } ?? ""
            Console.print("\(row.name): \(row.state), \(row.joined)\(limit) workers joined\(end)")
        }
    }
}

struct RevokeTokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Lets nobody in with a token any more.",
        discussion: "A running coordinator sends away within a second or two who came in with it.")

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Argument(help: "The token's name, as `tmdne token list` shows it.")
    var name: String

    func run() throws {
        try directory.sweep.revokeToken(named: name)
        Console.print("The token “\(name)” lets nobody in any more.")
    }
}

/// A length of time as people write it: a number and m, h or d.
struct Lifetime: ExpressibleByArgument {
    /// The longest is ten years.
    private static let longest = 10.0 * 366 * 86_400

    let seconds: Double

    init?(argument: String) {
        let units: [Character: Double] = ["m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let count = Int(argument.dropLast()), count > 0 else {
            return nil
        }
        seconds = Double(count) * unit
        guard seconds <= Self.longest else { return nil }
    }
}
