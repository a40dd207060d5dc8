import Core
import Testing

struct AssetBundleTests {
}
