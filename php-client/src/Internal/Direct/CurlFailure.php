<?php

declare(strict_types=1);

namespace Hawser\Internal\Direct;

use CurlHandle;
use Hawser\Exception\ErrorCode;

/**
 * Translates what curl reports into the errors of the broker's table.
 *
 * @internal
 */
final class CurlFailure
{
    /** The errno of Linux: ext-sockets need not be there to name it. */
    private const ECONNREFUSED = 111;

    /** X.509 verification results of OpenSSL (`X509_V_ERR_…`, verify(1)). */
    private const NOT_YET_VALID = 9;
    private const EXPIRED = 10;
    private const HOSTNAME_MISMATCH = 62;

    /** Errors that PHP has no constants for. */
    private const SEND_FAIL_REWIND = 65;
    private const HTTP2 = 16;
    private const HTTP2_STREAM = 92;
    private const TOO_LARGE = 100;

    /**
     * @param bool $isConnectBound the time to connect was shorter than that for the whole exchange
     */
    public static function code(int $errno, CurlHandle $handle, bool $isConnectBound): ErrorCode
    {
        $isSent = self::isSent($handle);

        return match ($errno) {
            \CURLE_COULDNT_RESOLVE_HOST => ErrorCode::DnsFailed,
            \CURLE_COULDNT_CONNECT => curl_getinfo($handle, \CURLINFO_OS_ERRNO) === self::ECONNREFUSED ? ErrorCode::ConnectRefused : ErrorCode::ConnectFailed,
            // curl has one error for both times; while it connects, the shorter one has run out.
            \CURLE_OPERATION_TIMEDOUT => $isSent || !$isConnectBound ? ErrorCode::DeadlineExceeded
                : (curl_getinfo($handle, \CURLINFO_NAMELOOKUP_TIME_T) > 0 ? ErrorCode::ConnectTimeout : ErrorCode::DnsFailed),
            \CURLE_SSL_CACERT => self::certificate($handle),
            \CURLE_SSL_CONNECT_ERROR, \CURLE_SSL_CACERT_BADFILE, \CURLE_SSL_CERTPROBLEM, \CURLE_SSL_CIPHER, \CURLE_SSL_ENGINE_NOTFOUND => ErrorCode::TlsFailed,
            \CURLE_URL_MALFORMAT => ErrorCode::RequestInvalid,
            \CURLE_GOT_NOTHING, \CURLE_PARTIAL_FILE, \CURLE_SEND_ERROR, self::SEND_FAIL_REWIND => ErrorCode::OriginClosed,
            \CURLE_RECV_ERROR => $isSent ? ErrorCode::OriginClosed : ErrorCode::ConnectFailed,
            self::HTTP2_STREAM => ErrorCode::OriginReset,
            self::TOO_LARGE => ErrorCode::ResponseTooLarge,
            // Answers that are no HTTP: "Received HTTP/0.9 when not allowed" comes as an unsupported protocol.
            \CURLE_UNSUPPORTED_PROTOCOL, \CURLE_WEIRD_SERVER_REPLY, self::HTTP2 => ErrorCode::OriginProtocolError,
            default => $isSent ? ErrorCode::OriginClosed : ErrorCode::ConnectFailed,
        };
    }

    /** Whether the request may have reached the origin: curl was past connecting. */
    public static function isSent(CurlHandle $handle): bool
    {
        return curl_getinfo($handle, \CURLINFO_PRETRANSFER_TIME_T) > 0;
    }

    private static function certificate(CurlHandle $handle): ErrorCode
    {
        $result = curl_getinfo($handle, \CURLINFO_SSL_VERIFYRESULT);
        if ($result === self::HOSTNAME_MISMATCH || str_contains(curl_error($handle), 'subject name')) {
            return ErrorCode::TlsNameMismatch;
        }

        return $result === self::EXPIRED || $result === self::NOT_YET_VALID ? ErrorCode::TlsExpired : ErrorCode::TlsUntrusted;
    }
}
