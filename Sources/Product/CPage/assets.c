// The files below ../Page/assets, held in the executable's read-only pages. Clang lists each as a dependency of this
// file, so a change of one builds it anew. A new file needs its three lines and its entry here; a test compares.
#include "CPage.h"

static const unsigned char app_css[] = {
#embed "../Page/assets/app.css"
};
static const unsigned char app_js[] = {
#embed "../Page/assets/app.js"
};
static const unsigned char docs_css[] = {
#embed "../Page/assets/docs.css"
};
static const unsigned char docs_html[] = {
#embed "../Page/assets/docs.html"
};
static const unsigned char docs_js[] = {
#embed "../Page/assets/docs.js"
};
static const unsigned char icon_svg[] = {
#embed "../Page/assets/icon.svg"
};
static const unsigned char index_html[] = {
#embed "../Page/assets/index.html"
};

static const struct cadenza_asset assets[] = {
    {"app.css", app_css, sizeof app_css},
    {"app.js", app_js, sizeof app_js},
    {"docs.css", docs_css, sizeof docs_css},
    {"docs.html", docs_html, sizeof docs_html},
    {"docs.js", docs_js, sizeof docs_js},
    {"icon.svg", icon_svg, sizeof icon_svg},
    {"index.html", index_html, sizeof index_html},
};

const struct cadenza_asset *cadenza_asset_at(size_t index) {
    return index < sizeof assets / sizeof assets[0] ? &assets[index] : NULL;
}
