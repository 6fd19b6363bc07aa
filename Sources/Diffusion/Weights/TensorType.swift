/// The number types of the safetensors format, by the names that its headers use.
enum TensorType: String, Sendable {
    case bool = "BOOL"
    case bfloat16 = "BF16"
    case float8E4M3 = "F8_E4M3"
    case float8E5M2 = "F8_E5M2"
    case float16 = "F16"
    case float32 = "F32"
    case float64 = "F64"
    case int8 = "I8"
    case int16 = "I16"
    case int32 = "I32"
    case int64 = "I64"
    case uint8 = "U8"
    case uint16 = "U16"
    case uint32 = "U32"
    case uint64 = "U64"

    /// Bytes that one number takes.
    var width: Int {
        switch self {
        case .bool, .float8E4M3, .float8E5M2, .int8, .uint8: 1
        case .bfloat16, .float16, .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64: 8
        }
    }
}

/// A Swift number that a safetensors file can store as it is.
package protocol TensorScalar: BitwiseCopyable {
    /// The format's name of the type.
    static var tensorTypeName: String { get }
}

extension Double: TensorScalar { package static var tensorTypeName: String { TensorType.float64.rawValue } }
extension Float: TensorScalar { package static var tensorTypeName: String { TensorType.float32.rawValue } }
extension Int32: TensorScalar { package static var tensorTypeName: String { TensorType.int32.rawValue } }
extension Int64: TensorScalar { package static var tensorTypeName: String { TensorType.int64.rawValue } }
extension UInt8: TensorScalar { package static var tensorTypeName: String { TensorType.uint8.rawValue } }
