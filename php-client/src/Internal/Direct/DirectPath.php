<?php

declare(strict_types=1);

namespace Hawser\Internal\Direct;

use Closure;
use CurlHandle;
use CurlMultiHandle;
use Hawser\Exception\ErrorCode;
use Hawser\Internal\Body\BodySource;
use Hawser\Internal\Failure;
use Hawser\Internal\Path;
use Hawser\Internal\Request;
use Hawser\Internal\Transfer;
use Hawser\Internal\Wire\FrameSink;
use Throwable;

/**
 * Without the broker: each exchange on a curl handle, all of them on one multi handle, with the broker's semantics. No
 * redirects are followed, no cookies are kept, no proxy is taken from the environment, nothing is decoded, and no field
 * is added that HTTP does not need.
 *
 * @internal
 *
 * @phpstan-import-type FactList from FrameSink
 */
final class DirectPath implements Path
{
    /** Fields about one hop (RFC 9110 section 7.6.1), and `host`, which the URL says already. */
    private const NOT_FORWARDED = ['connection', 'host', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'];

    /** curl's HTTP/2 gives up on a field section of 64 KiB (NGHTTP2_MAX_HEADERSLEN); HTTP/1.1 has no such bound. */
    private const MAX_HTTP2_FIELD_BYTES = 48 * 1024;

    private CurlMultiHandle $multi;

    /** @var array<int, DirectTransfer> by the handle's object id */
    private array $open = [];

    public function __construct(private readonly ?string $caFile, private readonly int $windowBytes)
    {
        $this->multi = curl_multi_init();
    }

    public function isBusy(): bool
    {
        return $this->open !== [];
    }

    public function start(Transfer $transfer): void
    {
        $transfer->path = $this;
        $transfer->isDirect = true;
        $request = $transfer->request;
        $complaint = RequestValidator::complaint($request);
        if ($complaint !== null) {
            $transfer->fail(Failure::of($complaint[0], $request, $complaint[1]));

            return;
        }
        $leftMs = $transfer->deadlineNs === 0 ? 0 : intdiv($transfer->deadlineNs - (int) hrtime(true), 1_000_000);
        if ($leftMs < 1 && $transfer->deadlineNs !== 0) {
            $transfer->fail(Failure::of(ErrorCode::DeadlineExceeded, $request, "no time was left of {$transfer->timeoutMs} ms"));

            return;
        }
        $handle = curl_init();
        $direct = new DirectTransfer($transfer, $handle, $this->windowBytes, $request->connectTimeoutMs > 0 && ($leftMs === 0 || $request->connectTimeoutMs < $leftMs));
        curl_setopt_array($handle, $this->options($request, $direct, $leftMs));
        if ($request->body instanceof BodySource) {
            $transfer->upload = $request->body;
        }
        $this->open[spl_object_id($handle)] = $direct;
        curl_multi_add_handle($this->multi, $handle);
        $this->turn();
    }

    public function pump(int $untilNs): bool
    {
        if ($this->turn()) {
            return true;
        }
        $leftNs = $untilNs === 0 ? 1_000_000_000 : $untilNs - (int) hrtime(true);
        if ($leftNs <= 0 || $this->open === []) {
            return false;
        }
        curl_multi_select($this->multi, min(1.0, $leftNs / 1e9));

        return $this->turn();
    }

    public function cancel(Transfer $transfer): void
    {
        foreach ($this->open as $direct) {
            if ($direct->transfer === $transfer) {
                $this->forget($direct);
                $this->endConnections();
            }
        }
    }

    public function consumed(Transfer $transfer, int $bytes): void
    {
        // The next turn finds the room.
    }

    /** Lets curl go on, and does what it asks for. Whether anything happened that a caller may wait for. */
    private function turn(): bool
    {
        curl_multi_exec($this->multi, $running);
        $this->run(static function (DirectTransfer $direct): void {
            $direct->tell();
        });
        $hasProgress = $this->collect();
        $this->run(static function (DirectTransfer $direct) use (&$hasProgress): void {
            if ($direct->hasNews && $direct->transfer->facts === null && !$direct->transfer->isEnded) {
                $direct->transfer->facts = self::facts($direct->handle); // as far as they are known with the head
            }
            $hasProgress = $direct->work() || $direct->hasNews || $hasProgress;
            $direct->hasNews = false;
        });

        return $hasProgress;
    }

    /**
     * Runs the caller's code for each exchange; what it throws ends that exchange.
     *
     * @param Closure(DirectTransfer): void $step
     */
    private function run(Closure $step): void
    {
        foreach ($this->open as $direct) {
            try {
                $step($direct);
            } catch (Throwable $e) {
                $this->forget($direct);
                $direct->transfer->fail($e);
            }
        }
    }

    /** Whether any exchange has ended. */
    private function collect(): bool
    {
        $hasEnded = false;
        while (($message = curl_multi_info_read($this->multi)) !== false) {
            $direct = $message['handle'] instanceof CurlHandle ? $this->open[spl_object_id($message['handle'])] ?? null : null;
            if ($direct !== null) {
                $hasEnded = true;
                $this->end($direct, \is_int($message['result']) ? $message['result'] : \CURLE_OK);
            }
        }

        return $hasEnded;
    }

    private function end(DirectTransfer $direct, int $errno): void
    {
        $transfer = $direct->transfer;
        $transfer->facts = self::facts($direct->handle);
        if ($errno !== \CURLE_OK) {
            $code = CurlFailure::code($errno, $direct->handle, $direct->isConnectBound);
            $message = curl_error($direct->handle);
            $isSent = CurlFailure::isSent($direct->handle);
            $transfer->fail(Failure::of($code, $transfer->request, $message !== '' ? $message : (string) curl_strerror($errno), !$isSent, $isSent ? 'origin' : 'connect', Failure::facts($transfer->facts, true)));
        } elseif ($transfer->status === 0) {
            $transfer->fail(Failure::of(ErrorCode::OriginProtocolError, $transfer->request, 'the answer ended without a final response', false, 'origin', Failure::facts($transfer->facts, true)));
        } else {
            $transfer->isEnded = true;
        }
        $this->forget($direct);
        if ($errno !== \CURLE_OK) {
            $this->endConnections();
        }
    }

    /** Of an exchange that did not come to its end curl tells an HTTP/2 origin only when it has something else to do there. */
    private function endConnections(): void
    {
        if ($this->open === []) {
            $this->multi = curl_multi_init();
        }
    }

    private function forget(DirectTransfer $direct): void
    {
        unset($this->open[spl_object_id($direct->handle)]);
        curl_multi_remove_handle($this->multi, $direct->handle);
        // The handle holds callbacks which hold the handle.
        curl_reset($direct->handle);
    }

    /**
     * @return array<int, mixed>
     */
    private function options(Request $request, DirectTransfer $direct, int $timeoutMs): array
    {
        $options = [
            \CURLOPT_URL => $request->url,
            \CURLOPT_CUSTOMREQUEST => $request->method,
            \CURLOPT_NOBODY => $request->method === 'HEAD',
            \CURLOPT_HTTPHEADER => self::headerLines($request),
            \CURLOPT_HEADERFUNCTION => $direct->onHeaderLine(...),
            \CURLOPT_WRITEFUNCTION => $direct->onBody(...),
            \CURLOPT_TIMEOUT_MS => $timeoutMs,
            // To curl 0 would mean its own default.
            \CURLOPT_CONNECTTIMEOUT_MS => $request->connectTimeoutMs === 0 ? 0x7FFFFFFF : $request->connectTimeoutMs,
            \CURLOPT_NOSIGNAL => true,
            \CURLOPT_FOLLOWLOCATION => false,
            \CURLOPT_PATH_AS_IS => true,
            \CURLOPT_PROTOCOLS => \CURLPROTO_HTTP | \CURLPROTO_HTTPS,
            \CURLOPT_PROXY => '',
            \CURLOPT_SSL_VERIFYPEER => true,
            \CURLOPT_SSL_VERIFYHOST => 2,
            // On a kept connection that dies curl would send again by itself, also what must not be sent twice.
            \CURLOPT_FRESH_CONNECT => !$request->isIdempotent(),
        ];
        if (\strlen($request->url) + \strlen(implode('', $request->fields)) > self::MAX_HTTP2_FIELD_BYTES) {
            $options[\CURLOPT_HTTP_VERSION] = \CURL_HTTP_VERSION_1_1;
        }
        if ($this->caFile !== null) {
            $options[\CURLOPT_CAINFO] = $this->caFile;
        }
        if (\is_string($request->body)) {
            $options[\CURLOPT_POSTFIELDS] = $request->body;
        } elseif ($request->body instanceof BodySource) {
            $options[\CURLOPT_UPLOAD] = true;
            $options[\CURLOPT_READFUNCTION] = $direct->onRead(...);
            $length = self::value($request->fields, 'content-length');
            if ($length !== null) {
                $options[\CURLOPT_INFILESIZE] = (int) $length;
            }
        }

        $own = $request->curlOptions;
        if (\is_array($own[\CURLOPT_HTTPHEADER] ?? null)) {
            $own[\CURLOPT_HTTPHEADER] = [...$options[\CURLOPT_HTTPHEADER], ...$own[\CURLOPT_HTTPHEADER]];
        }

        return $own + $options;
    }

    /**
     * @return list<string>
     */
    private static function headerLines(Request $request): array
    {
        // A name with nothing after the colon takes out the field that curl would add by itself.
        $lines = ['accept' => 'accept:', 'content-type' => 'content-type:', 'expect' => 'expect:'];
        if ($request->body === null && \in_array($request->method, ['POST', 'PUT', 'PATCH'], true)) {
            $lines['content-length'] = 'content-length: 0'; // RFC 9110 section 8.6
        }
        $skipped = array_merge(self::NOT_FORWARDED, array_map(trim(...), explode(',', strtolower(self::value($request->fields, 'connection') ?? ''))));
        $sent = [];
        for ($at = 0, $end = \count($request->fields); $at < $end; $at += 2) {
            [$name, $value] = [$request->fields[$at], $request->fields[$at + 1]];
            unset($lines[$name]);
            if (!\in_array($name, $skipped, true) && !($name === 'content-length' && $request->body !== null)) {
                $sent[] = trim($value, " \t") === '' ? "{$name};" : "{$name}: {$value}";
            }
        }

        return [...array_values($lines), ...$sent];
    }

    /**
     * @param list<string> $fields
     */
    private static function value(array $fields, string $wanted): ?string
    {
        for ($at = 0, $end = \count($fields); $at < $end; $at += 2) {
            if ($fields[$at] === $wanted) {
                return $fields[$at + 1];
            }
        }

        return null;
    }

    /**
     * What is known about the exchange so far, also while it goes on.
     *
     * @return FactList
     */
    public static function facts(CurlHandle $handle): array
    {
        $ip = curl_getinfo($handle, \CURLINFO_PRIMARY_IP);
        $host = str_contains($ip, ':') ? "[{$ip}]" : $ip;
        $isReused = curl_getinfo($handle, \CURLINFO_NUM_CONNECTS) === 0;
        $connectUs = curl_getinfo($handle, \CURLINFO_PRETRANSFER_TIME_T);

        return [
            match (curl_getinfo($handle, \CURLINFO_HTTP_VERSION)) {
                \CURL_HTTP_VERSION_2_0 => 'h2',
                \CURL_HTTP_VERSION_1_1 => 'http/1.1',
                \CURL_HTTP_VERSION_1_0 => 'http/1.0',
                default => '',
            },
            $connectUs === 0 ? '' : ($isReused ? 'reused' : 'direct'),
            1,
            '',
            -1,
            $isReused ? -1 : self::orNone($connectUs),
            self::orNone(curl_getinfo($handle, \CURLINFO_STARTTRANSFER_TIME_T)),
            self::orNone(curl_getinfo($handle, \CURLINFO_TOTAL_TIME_T)),
            $host === '' ? '' : $host . ':' . curl_getinfo($handle, \CURLINFO_PRIMARY_PORT),
        ];
    }

    /** A time of curl, whose 0 stands for none. */
    private static function orNone(int $us): int
    {
        return $us > 0 ? $us : -1;
    }
}
