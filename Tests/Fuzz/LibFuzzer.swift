import Foundation

/// What `TMDNE_FUZZ_TARGET` names; the program is built by `scripts/fuzz` alone.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["TMDNE_FUZZ_TARGET"] ?? ""
    if let target = FuzzTarget(rawValue: name) { return target }
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
    FileHandle.standardError.write(Data("TMDNE_FUZZ_TARGET must be one of: \(names)\n".utf8))
    exit(64)
}()

/// Called by libFuzzer with every input; a trap or an abort is what it looks for.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        FileHandle.standardError.write(Data("\(target.rawValue): \(error)\n".utf8))
        abort()
    }
    return 0
}
