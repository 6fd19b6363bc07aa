import Foundation
import Testing

@testable import Diffusion

@Suite struct AttentionTests {
    struct Shape: CustomTestStringConvertible {
        var batch = 2
        var keyBatch = 2
        var heads = 2
        var width = 24
        var queries = 64
        var keys = 64
        var isCausal = false

        var testDescription: String {
            "\(batch)/\(keyBatch) batches, \(heads) heads of \(width), \(queries) queries, \(keys) keys"
                + (isCausal ? ", causal" : "")
        }
    }

    static let shapes = [
        Shape(), Shape(batch: 4, keyBatch: 2, keys: 77),
        Shape(heads: 4, width: 32, queries: 77, keys: 77, isCausal: true),
        Shape(batch: 1, keyBatch: 1, heads: 1, width: 64, queries: 300, keys: 600),
        Shape(heads: 8, width: 40, queries: 5, keys: 257), Shape(heads: 1, width: 3, queries: 1, keys: 1),
        Shape(batch: 1, keyBatch: 1, heads: 1, width: 512, queries: 50, keys: 50),
        Shape(heads: 2, width: 120, queries: 7, keys: 70),
        Shape(batch: 1, keyBatch: 1, heads: 3, width: 80, queries: 300, keys: 300, isCausal: true),
    ]

    /// Sums of products of numbers up to 1 in fp32, against fp64: the error grows with the root of the width. Measured: 5.8e-7.
    /// In bfloat16 scores have an error of some thousandths of their size, which is here up to 3 times the root of the width,
    /// and so have the weights that come of them. Measured: 4.8e-3.
    @Test("attention is the softmax of the scores times the values", arguments: shapes, Precision.allCases)
    func matchesDefinition(_ shape: Shape, precision: Precision) throws {
        var noise = Noise(seed: 1)
        let model = shape.heads * shape.width
        let device = try CPUDevice(precision: precision)
        let q = noise.values(shape.batch * shape.queries * model).map { $0 * 3 }
        let kv = noise.values(shape.keyBatch * shape.keys * 2 * model)
        let text = try device.upload(kv, shape: [shape.keyBatch, shape.keys, 2 * model])
        let result = try device.attention(
            queries: TensorSlice(try device.upload(q, shape: [shape.batch, shape.queries, model])),
            keys: TensorSlice(text), values: TensorSlice(text, firstChannel: model), heads: shape.heads,
            headWidth: shape.width, isCausal: shape.isCausal)
        #expect(result.shape == [shape.batch, shape.queries, model])
        let bound: Float = precision == .fp32 ? 2e-6 : 0.02
        #expect(greatestDifference(device.download(result), reference(q, kv, shape)) < bound)
    }

    /// Each block of keys has scores that no weights relative to the last block's have room for, half of the queries the other way round.
    /// The numbers are exact in bfloat16, so that the values' and weights' roundings alone are left. Measured: 2.4e-3. In fp32 scores are
    /// powers of two of up to 900, rounded to 3e-5, and so are the weights' ratios, of which a value sees a part. Measured: 2.1e-6.
    @Test("weights follow scores wherever they go", arguments: Precision.allCases)
    func steepScores(precision: Precision) throws {
        var noise = Noise(seed: 2)
        let shape = Shape(batch: 1, keyBatch: 1, heads: 1, width: 16, queries: 70, keys: 600)
        var q = [Float](repeating: 0, count: shape.queries * shape.width)
        for query in 0..<shape.queries {
            for d in 0..<2 { q[query * shape.width + d] = query.isMultiple(of: 2) ? 4 : -4 }
        }
        var kv = noise.values(shape.keys * 2 * shape.width)
        for key in 0..<shape.keys {
            kv[key * 2 * shape.width] = Float(key / 16 * 16)
            kv[key * 2 * shape.width + 1] = Float(key % 16)
        }
        let device = try CPUDevice(precision: precision)
        let text = try device.upload(kv, shape: [1, shape.keys, 2 * shape.width])
        let result = try device.attention(
            queries: TensorSlice(try device.upload(q, shape: [1, shape.queries, shape.width])),
            keys: TensorSlice(text), values: TensorSlice(text, firstChannel: shape.width), heads: 1,
            headWidth: shape.width, isCausal: false)
        let bound: Float = precision == .fp32 ? 5e-6 : 0.01
        let difference = greatestDifference(device.download(result), reference(q, kv, shape))
        #expect(difference < bound, "\(difference)")
    }

    private func reference(_ q: [Float], _ kv: [Float], _ shape: Shape) -> [Float] {
        let model = shape.heads * shape.width
        var result = [Float](repeating: 0, count: q.count)
        for image in 0..<shape.batch {
            let text = image / (shape.batch / shape.keyBatch) * shape.keys
            for head in 0..<shape.heads {
                for query in 0..<shape.queries {
                    let row = (image * shape.queries + query) * model + head * shape.width
                    let visible = shape.isCausal ? query + 1 : shape.keys
                    let scores = (0..<visible).map { key in
                        (0..<shape.width).reduce(0.0) { sum, d in
                            sum + Double(q[row + d]) * Double(kv[(text + key) * 2 * model + head * shape.width + d])
                        } / Double(shape.width).squareRoot()
                    }
                    let highest = scores.max() ?? 0
                    let weights = scores.map { exp($0 - highest) }
                    let total = weights.reduce(0, +)
                    for d in 0..<shape.width {
                        let value = (0..<visible).reduce(0.0) { sum, key in
                            sum + weights[key] * Double(kv[(text + key) * 2 * model + model + head * shape.width + d])
                        }
                        result[row + d] = Float(value / total)
                    }
                }
            }
        }
        return result
    }
}
