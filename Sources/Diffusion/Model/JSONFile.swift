import Foundation

/// Reads the JSON files that describe a model.
enum JSONFile {
    /// Decodes the file at `path`.
    ///
    /// Python writes infinities into its JSON, as in a scheduler's `"lambda_min_clipped": -Infinity`. Only JSON5 knows them,
    /// but Foundation refuses the escape `\u0000` when it reads JSON5, and traps on what is no UTF-8, so it comes second.
    ///
    /// - Throws: ``DiffusionError`` when the file is missing or is not `what` in JSON.
    static func decode<Value: Decodable>(
        _ type: Value.Type, path: String, as what: String
    ) throws(DiffusionError) -> Value {
        let file = try MappedFile(path: path)
        let (data, isText) = file.withBytes(in: 0..<file.count) { bytes in
            (Data(bytes), String(validating: bytes, as: UTF8.self) != nil)
        }
        for allowsJSON5 in isText ? [false, true] : [false] {
            let decoder = JSONDecoder()
            decoder.allowsJSON5 = allowsJSON5
            if let value = try? decoder.decode(type, from: data) { return value }
        }
        throw .unreadableFile(path: path, reason: "it is not \(what) in JSON; download it again")
    }
}

/// Any JSON value.
enum JSONValue: Decodable, Equatable, Sendable {
    case array([JSONValue])
    case bool(Bool)
    case integer(Int)
    case null
    case number(Double)
    case object([String: JSONValue])
    case string(String)

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let bool = try? container.decode(Bool.self) {
            self = .bool(bool)
        } else if let integer = try? container.decode(Int.self) {
            self = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let string = try? container.decode(String.self) {
            self = .string(string)
        } else if let array = try? container.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }
}

extension JSONValue: CustomStringConvertible {
    /// The value as a person would write it into the file.
    var description: String {
        switch self {
        case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
        case .bool(let bool): "\(bool)"
        case .integer(let integer): "\(integer)"
        case .null: "null"
        case .number(let number): "\(number)"
        case .object: "{…}"
        case .string(let string): "\"\(string)\""
        }
    }
}
