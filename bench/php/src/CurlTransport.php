<?php

declare(strict_types=1);

namespace HawserBench;

use CurlHandle;
use RuntimeException;

/** ext-curl, directly to the origin or to a proxy on a Unix socket. */
final readonly class CurlTransport implements Transport
{
    public function __construct(private Handles $handles) {}

    public function get(string $path): int
    {
        $handle = $this->handles->take();
        curl_setopt($handle, CURLOPT_URL, $this->handles->url($path));
        $body = curl_exec($handle);
        $bytes = self::check($handle, $body, curl_error($handle));
        $this->handles->giveBack($handle);

        return $bytes;
    }

    public function fanOut(string $path, int $count): int
    {
        $multi = $this->handles->multi();
        $handles = [];
        for ($i = 0; $i < $count; $i++) {
            $handles[] = $handle = $this->handles->take();
            curl_setopt($handle, CURLOPT_URL, $this->handles->url($path));
            curl_multi_add_handle($multi, $handle);
        }
        do {
            $status = curl_multi_exec($multi, $running);
            if ($running > 0) {
                curl_multi_select($multi, 1.0);
            }
        } while ($running > 0 && $status === CURLM_OK);
        $errors = [];
        while (($message = curl_multi_info_read($multi)) !== false) {
            $errors[spl_object_id($message['handle'])] = $message['result'] === CURLE_OK ? '' : (string) curl_strerror($message['result']);
        }
        $bytes = 0;
        foreach ($handles as $handle) {
            curl_multi_remove_handle($multi, $handle);
            $error = $errors[spl_object_id($handle)] ?? 'curl_multi: ' . curl_multi_strerror($status);
            $bytes += self::check($handle, $error === '' ? curl_multi_getcontent($handle) : false, $error);
            $this->handles->giveBack($handle);
        }
        $this->handles->giveBackMulti($multi);

        return $bytes;
    }

    public function upload(string $path, int $bytes): int
    {
        $handle = $this->handles->take();
        // No `Expect: 100-continue`: curl would wait for an answer that some contenders do not give.
        curl_setopt_array($handle, [
            CURLOPT_URL => $this->handles->url($path),
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => Content::ofBytes($bytes),
            CURLOPT_HTTPHEADER => ['expect:', 'content-type: application/octet-stream'],
        ]);
        $body = curl_exec($handle);
        $received = self::check($handle, $body, curl_error($handle));
        $this->handles->giveBack($handle);

        return $received;
    }

    private static function check(CurlHandle $handle, string|bool|null $body, string $error): int
    {
        if (!\is_string($body)) {
            throw new RuntimeException("curl: {$error}");
        }
        $status = curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
        if ($status !== 200) {
            throw new RuntimeException("curl: status {$status}");
        }

        return \strlen($body);
    }
}
