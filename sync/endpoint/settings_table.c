#include "sync/endpoint/endpoint.h"

const struct setting endpoint_settings[] = {
    { "endpoint", "listen", SETTING_TEXT, "0.0.0.0:8443", 3, 180, "Address and port for devices: HOST:PORT." },
    { "endpoint", "hosts", SETTING_TEXT, "", 0, 180,
      "Names and addresses in the server's certificate, with commas between; empty: as given to init." },
    { "endpoint", "connections", SETTING_NUMBER, "1000", 1, 100000, "Devices that may be connected at once." },
    { "endpoint", "idle_timeout", SETTING_NUMBER, "60", 5, 3600,
      "Seconds after which a connection that says nothing is closed." },
    { "endpoint", "waiting", SETTING_NUMBER, "500", 0, 100000,
      "Devices that may wait at once for something new; they count among the connections." },
    { "endpoint", "wait_max", SETTING_NUMBER, "900", 0, 3600,
      "Seconds that a device may wait for something new; 0: every exchange is answered at once." },
    { "endpoint", "connections_per_address", SETTING_NUMBER, "200", 1, 100000,
      "Of these from one address, behind which a whole site may be." },
    { "endpoint", "request_timeout", SETTING_NUMBER, "60", 1, 3600,
      "Seconds within which a request has to be whole whose sender has not proved a certificate." },
    { "store", "cache_kib", SETTING_NUMBER, "8192", 256, 1048576, "Memory for database pages, in KiB." },
    { "log", "debug", SETTING_BOOL, "no", 0, 0, "Log every request." },
};

const size_t endpoint_setting_count = ARRAY_LEN(endpoint_settings);
