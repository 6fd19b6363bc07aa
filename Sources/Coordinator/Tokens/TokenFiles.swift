import Foundation
import Glibc
import SharedModel

/// The folder of a directory's join tokens: one small JSON file each, without its secret.
///
/// Files, not rows, because people make and revoke tokens while a coordinator is running, which alone writes the
/// database.
struct TokenFiles: Sendable {
    private static let suffix = ".json"
    private static let longest = 4096

    private let folder: String

    init(_ directory: SweepDirectory) {
        folder = directory.tokenFolder.path
    }

    /// All tokens.
    ///
    /// - Parameter isExpected: Whether there were any: then a folder that is not there is an error.
    /// - Returns: They, in the order of their names.
    /// - Throws: ``CoordinatorError/badToken(path:)`` for a file that no version of tmdne wrote, another one for a folder
    ///   that can't be read.
    func all(isExpected: Bool = false) throws -> [TokenRecord] {
        guard let handle = opendir(folder) else {
            guard errno == ENOENT, !isExpected else { throw DurableFile.error(folder, "Listing") }
            return []
        }
        closedir(handle)
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw DurableFile.error(folder, "Listing", code: EIO)
        }
        return try names.filter { $0.hasSuffix(Self.suffix) }.sorted().compactMap { name in
            try record(named: String(name.dropLast(Self.suffix.count)))
        }
    }

    /// The token of a name; `nil` when there is none.
    func record(named name: String) throws -> TokenRecord? {
        let path = path(of: name)
        // A token may be removed by a person between the listing and now.
        guard TokenRecord.isName(name) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            var information = stat()
            guard lstat(path, &information) != 0, errno == ENOENT else {
                throw DurableFile.error(path, "Reading", code: EACCES)
            }
            return nil
        }
        guard data.count <= Self.longest,
            let record = try? Self.decoder.decode(TokenRecord.self, from: data), record.name == name,
            Hexadecimal.isLowercase(record.sha256, digits: 64)
        else { throw CoordinatorError.badToken(path: path) }
        return record
    }

    /// Writes a token, in place of one of the same name.
    func write(_ record: TokenRecord) throws {
        try DurableFile.makeDirectory(folder)
        let data: Data
        do {
            data = try Self.encoder.encode(record)
        } catch {
            throw CoordinatorError.badToken(path: path(of: record.name))
        }
        try DurableFile.replace(path(of: record.name), with: Array(data), mode: 0o600)
    }

    private func path(of name: String) -> String { "\(folder)/\(name)\(Self.suffix)" }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }
}
