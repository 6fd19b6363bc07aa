import Foundation
import SharedModel

/// What keeps a coordinator from starting or going on.
///
/// Every description is one sentence, or two, that names the thing and what to do about it.
package enum CoordinatorError: Error, Equatable, Sendable {
    /// Another coordinator serves the directory; `holder` is what its lock file says.
    case directoryInUse(directory: String, holder: String)
    /// The directory holds the sweep `found`, not `wanted`.
    case otherSweep(directory: String, found: String, wanted: String)
    /// The directory holds no sweep.
    case noSweep(directory: String)
    /// A request needs a running coordinator, and there is none.
    case notServed(directory: String)
    /// The database is damaged, or is no database.
    case damagedDatabase(path: String, problem: String)
    /// The directory holds images, but the database that knows them is gone.
    case lostDatabase(directory: String)
    /// There is nothing to rebuild: the database is sound.
    case soundDatabase(path: String)
    /// A sweep can't be mended while a coordinator serves it.
    case isServed(directory: String)
    /// The database was written by a newer version.
    case newerDatabase(path: String)
    /// The database was written by an older version and no coordinator has brought it up to date.
    case olderDatabase(path: String)
    /// The plan contradicts itself or holds a cell that can't be sent to a worker.
    case badPlan(String)
    /// A file of secrets can be read by others.
    case exposedSecret(path: String)
    /// A file of secrets holds something else.
    case badSecret(path: String)
    /// A file of a join token holds something else.
    case badToken(path: String)
    /// There is a token of this name already.
    case tokenExists(name: String)
    /// There is no token of this name.
    case noToken(name: String)
    /// Nobody knows yet where the coordinator of the directory listens.
    case neverServed(directory: String)
    /// Secrets and images would cross a network for all to read.
    case unencrypted(address: String)
    /// The key of the directory can't be used.
    case encryption(problem: String)
    /// The address is taken.
    case portInUse(address: String)
    /// The address can't be listened on.
    case cannotListen(address: String, problem: String)
    /// A system call on a file failed.
    case file(path: String, action: String, problem: String, isDiskFull: Bool)
    /// A command's option has a value that it can't have.
    case option(name: String, value: String, wanted: String)
    /// The sweep has no position, cell or worker of that name.
    case noSuchSubject(String)
    /// No position has this value of an axis; `known` are the values that there are, unless they are many.
    case noSuchValue(axis: String, value: String, known: [String])
    /// No position has all the values that are asked for.
    case noMatch
    /// What somebody asks of a running coordinator is too long.
    case longRequest(bytes: Int, limit: Int)
    /// A contact sheet could not be drawn.
    case drawing(problem: String)
    /// An opinion on an image can't be taken; the text says what to do.
    case review(String)
    /// A program that is needed is not installed, or failed.
    case program(name: String, problem: String)
    /// A worker's connection can't go on; the text is for the log and for the worker.
    case connection(String)
    /// The store was closed, or its transaction failed.
    case store(String)
}

extension CoordinatorError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .directoryInUse(let directory, let holder):
            "\(directory) is already served by another coordinator (\(holder)); stop it first or use another directory."
        case .otherSweep(let directory, let found, let wanted):
            "\(directory) belongs to the sweep “\(found)”, not to “\(wanted)”; choose another --output directory."
        case .noSweep(let directory):
            "\(directory) holds no sweep.db; name the directory that an earlier run wrote, or start one with a sweep file."
        case .notServed(let directory):
            "No coordinator serves \(directory) now; start one with `tmdne resume \(directory)`."
        case .damagedDatabase(let path, let problem):
            "\(path) is damaged (\(problem)); run `tmdne rebuild \(Self.folder(of: path))`, which makes it again from the images."
        case .lostDatabase(let directory):
            "\(directory) holds images but no sweep.db; run `tmdne rebuild \(directory)`, which makes it from the images."
        case .soundDatabase(let path):
            "\(path) is sound, so nothing is rebuilt; look at the images with `tmdne check \(Self.folder(of: path))`."
        case .isServed(let directory):
            "A coordinator serves \(directory) now; stop it first, then nothing changes under the repair."
        case .newerDatabase(let path):
            "\(path) was written by a newer version of tmdne; use that version."
        case .olderDatabase(let path):
            "\(path) was written by an older version of tmdne; start its coordinator once to bring it up to date."
        case .badPlan(let problem):
            "The sweep can't be planned: \(problem); start it again from its sweep file, in a new directory."
        case .exposedSecret(let path):
            "\(path) holds a secret but others may read it; run chmod 600 on it, or remove it to get a new one."
        case .badSecret(let path):
            "\(path) does not hold a secret as tmdne writes it; remove it to get a new one."
        case .badToken(let path):
            "\(path) does not hold what tmdne writes there; remove it."
        case .tokenExists(let name):
            "There is a token “\(name)” already; choose another --name, or revoke that one."
        case .noToken(let name):
            "There is no token “\(name)”; `tmdne token list` shows those that there are."
        case .neverServed(let directory):
            "Where the coordinator of \(directory) listens is not known yet; start it once, or name it with --host."
        case .unencrypted(let address):
            "\(address) leads out of this host, where nothing may go unencrypted; leave --no-tls away or listen on "
                + "127.0.0.1."
        case .encryption(let problem):
            "Connections can't be encrypted (\(problem)); remove tls.pem from the directory to get a new key."
        case .portInUse(let address):
            "\(address) is already in use; stop the program that listens there or choose another port with --listen."
        case .cannotListen(let address, let problem):
            "Listening on \(address) failed (\(problem)); choose an address of this host and a free port with --listen."
        case .file(let path, let action, let problem, let isDiskFull):
            "\(action) \(path) failed: \(problem); "
                + (isDiskFull ? "free some space there." : "check the path, who may use it, and the disk.")
        case .option(let name, let value, let wanted):
            "\(name) can't be “\(value)”; choose \(wanted)."
        case .noSuchSubject(let subject):
            "The sweep has no position, cell or worker “\(subject)”; `tmdne status` lists the workers, `tmdne export` the cells"
                + (Self.mayBeginKey(subject)
                    ? ", of whose keys \(CellKey.fewestDigits) digits or more are needed." : ".")
        case .noSuchValue(let axis, let value, let known):
            "The sweep has no \(axis) “\(Self.line(value))”; "
                + (known.isEmpty
                    ? "`tmdne export` lists what it has."
                    : "it has " + known.map { "“\(Self.line($0))”" }.joined(separator: ", ") + ".")
        case .noMatch:
            "No position of the sweep is all of that at once; leave one of the options away."
        case .longRequest(let bytes, let limit):
            "What is to come first takes \(bytes) bytes to say, more than \(limit); name fewer values or positions at once."
        case .drawing(let problem):
            "The contact sheet could not be drawn (\(problem)); choose a smaller --tile or free some memory."
        case .review(let sentence):
            sentence
        case .program(let name, let problem):
            "\(name) \(problem)."
        case .connection(let problem):
            "The connection is closed: \(problem)."
        case .store(let problem):
            "The database refused a transaction: \(problem); stop the coordinator and look with `tmdne check`."
        }
    }

    /// Whether somebody asked for what the sweep does not have, so that trying again is of no use.
    var isRefusal: Bool {
        switch self {
        case .noSuchValue, .noSuchSubject, .noMatch: true
        default: false
        }
    }

    /// Whether a text that names nothing looks like too short a beginning of a cell's key.
    private static func mayBeginKey(_ text: String) -> Bool {
        text.count < CellKey.fewestDigits && Int(text) == nil && text.allSatisfy { $0.isASCII && $0.isHexDigit }
    }

    /// The beginning of a text that may be as long as a prompt.
    private static func line(_ text: String) -> String {
        WireText.line(text, longest: 80)
    }

    private static func folder(of path: String) -> String {
        URL(filePath: path).deletingLastPathComponent().path
    }
}
