import Foundation

@testable import Diffusion

/// The reference values beside the tests, which `Goldens/make_*.py` computed with diffusers and torch.
enum Golden {
    private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    static let folder = tests.appending(path: "Goldens").path

    /// The embedded model that the values were computed with.
    static let model = tests.appending(path: "../../Models/tmdne-tiny").standardized.path

    /// Opens `Goldens/<name>.safetensors`.
    static func open(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: "\(folder)/\(name).safetensors")
    }

    /// Decodes `Goldens/<name>.json`.
    static func json<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
        try JSONFile.decode(type, path: "\(folder)/\(name).json", as: "a golden file")
    }
}

/// The root of the mean square of the difference, by that of what is expected.
func relativeError(_ found: [Float], _ expected: [Float]) -> Double {
    let (error, scale) = zip(found, expected).reduce((0.0, 0.0)) { sums, pair in
        (sums.0 + pow(Double(pair.0) - Double(pair.1), 2), sums.1 + pow(Double(pair.1), 2))
    }
    return (error / scale).squareRoot()
}

/// The greatest absolute difference between two equally long lists; infinite when their lengths differ.
func greatestDifference<Number: BinaryFloatingPoint>(_ one: [Number], _ other: [Number]) -> Number {
    guard one.count == other.count else { return .infinity }
    return zip(one, other).reduce(0) { greatest, pair in
        let difference = abs(pair.0 - pair.1)
        // A NaN stays; max() would drop it.
        return difference <= greatest || greatest.isNaN ? greatest : difference
    }
}
